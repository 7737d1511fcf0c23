import { assembleServer } from '../../src/assembly/assemble-server.ts'
import type { TransportParts } from '../../src/core/admission/transport.ts'
import { memoryHandshake } from '../../src/transports/memory.ts'
import type { Payload } from '../../src/wire/body.ts'
import { transportConformance, type TransportClient, type UpgradeOf } from './conformance.ts'

transportConformance(async (application, options) => {
  const { server, transport } = assembleServer(options, {
    fingerprint: (id) => id,
    environment: { NODE_ENV: 'test' },
    transport: (parts) => ({ parts, close: async () => {} }),
  })
  server.serve(application)
  return {
    origin: 'http://localhost',
    connect: (upgrade) => memoryClient(transport.parts, upgrade),
    close: (drain = 0) => server.close({ drain }),
  }
})

function memoryClient({ context, admit }: TransportParts, upgrade: UpgradeOf = {}): TransportClient {
  const { target = '/', protocols = [], headers = {} } = upgrade
  const [path = '', query = ''] = target.split('?')
  const sent = new Headers(headers)
  if (protocols.length > 0) sent.set('sec-websocket-protocol', protocols.join(', '))
  const received: Payload[] = []
  let closed: TransportClient['closed'] = null
  let refusal: TransportClient['refusal'] = null
  const { handshake, host, clientSide } = memoryHandshake(
    context,
    { path, query, headers: sent, address: '192.0.2.1', known: null },
    {
      message: (payload) => void received.push(payload),
      ended: (code, reason) => void (closed = { code, reason }),
    },
  )
  void admit({
    handshake,
    host,
    reject: ({ status, body }) => void (refusal = { status, body: JSON.parse(body) as unknown }),
  })
  return {
    received,
    get closed() {
      return closed
    },
    get refusal() {
      return refusal
    },
    ...clientSide,
  }
}
