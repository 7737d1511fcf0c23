import { expect, test } from 'vitest'
import { z } from 'zod'
import { assembleServer } from '../../src/assembly/assemble-server.ts'
import type { TransportParts } from '../../src/core/admission/transport.ts'
import { serverContext } from '../../src/core/server-context.ts'
import { anyone, consumer, contract, router } from '../../src/index.ts'
import { settled } from '../../src/testing/clock.ts'
import { memoryHandshake } from '../../src/transports/memory.ts'

const echo = consumer(
  contract('/ws/echo', { client: z.string(), server: z.string() }),
  { auth: anyone },
  (socket) => ({ message: (line) => socket.send(line) }),
)

function assembled(environment: Readonly<Record<string, string>> = { NODE_ENV: 'test' }) {
  const order: string[] = []
  const transportOf = (parts: TransportParts) => ({
    parts,
    close: async () => void order.push(`transport closed with ${parts.context.registry.size} sockets`),
  })
  const faults: unknown[] = []
  const made = assembleServer(
    { proxies: ['192.0.2.0/24'], report: (error) => faults.push(error) },
    { fingerprint: (id) => `#${id.length}`, environment, transport: transportOf },
  )
  return { ...made, order, faults }
}

function connect({ server, transport }: ReturnType<typeof assembled>) {
  const frames: string[] = []
  const answers: number[] = []
  const headers = new Headers({ 'sec-websocket-protocol': 'sallyport.v1' })
  const { handshake, host, clientSide } = memoryHandshake(
    server[serverContext],
    { path: '/ws/echo', query: '', headers, address: '192.0.2.1', known: null },
    {
      message: (payload) => void frames.push(String(payload)),
      ended: (code) => void frames.push(`closed ${code}`),
    },
  )
  const reject = ({ status }: { readonly status: number }): void => void answers.push(status)
  return { frames, answers, clientSide, admitted: transport.parts.admit({ handshake, host, reject }) }
}

test('a server with a transport of another runtime admits, answers and counts its sockets', async () => {
  const made = assembled()
  made.server.serve(router([echo]))
  const { admitted, clientSide, frames } = connect(made)
  await admitted
  await settled()
  expect(made.server.connections).toBe(1)
  clientSide.send('{"op":"msg","in":"/ws/echo","data":"hello"}')
  await settled()
  expect(frames.at(-1)).toBe('{"op":"msg","in":"/ws/echo","data":"hello"}')
  expect(made.faults).toEqual([])
})

test('a server that serves nothing yet answers 503 through its transport', async () => {
  const { admitted, answers } = connect(assembled())
  await admitted
  expect(answers).toEqual([503])
})

test('closing drains the sockets first, then closes the transport, once', async () => {
  const made = assembled()
  made.server.serve(router([echo]))
  const { admitted, frames } = connect(made)
  await admitted
  await Promise.all([made.server.close({ drain: 0 }), made.transport.parts.close(0)])
  expect(made.order).toEqual(['transport closed with 0 sockets'])
  expect(frames.at(-1)).toBe('closed 1012')
  const late = connect(made)
  await late.admitted
  await settled()
  expect(late.frames.at(-1)).toBe('closed 4503')
})

test('the transport gets the proxies, and the context the fingerprints of the runtime', () => {
  const { transport, server } = assembled()
  expect(transport.parts.proxies).toEqual(['192.0.2.0/24'])
  expect(server[serverContext].fingerprint('four')).toBe('#4')
})
