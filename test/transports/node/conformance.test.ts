import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import { sallyport } from '../../../src/index.ts'
import type { Payload } from '../../../src/wire/body.ts'
import { transportConformance, type TransportClient, type UpgradeOf } from '../conformance.ts'

transportConformance(async (application, options) => {
  const server = sallyport(options)
  server.serve(application)
  const { port } = await server.listen(0)
  const clients: WebSocket[] = []
  return {
    origin: `http://127.0.0.1:${port}`,
    connect(upgrade) {
      const { ws, client } = nodeClient(port, upgrade)
      clients.push(ws)
      return client
    },
    async close(drain) {
      if (drain === undefined) for (const ws of clients) ws.terminate()
      await server.close({ drain: drain ?? 0 })
    },
  }
})

function nodeClient(
  port: number,
  { target = '/', protocols = [], headers = {} }: UpgradeOf = {},
): { readonly ws: WebSocket; readonly client: TransportClient } {
  const ws = new WebSocket(`ws://127.0.0.1:${port}${target}`, [...protocols], { headers })
  const received: Payload[] = []
  let closed: TransportClient['closed'] = null
  let refusal: TransportClient['refusal'] = null
  const refused = async (response: IncomingMessage): Promise<void> => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(response, 'end')
    refusal = {
      status: response.statusCode ?? 0,
      body: JSON.parse(Buffer.concat(chunks).toString()) as unknown,
    }
  }
  ws.on(
    'message',
    (data: Buffer, isBinary) => void received.push(isBinary ? new Uint8Array(data) : data.toString()),
  )
  ws.on('close', (code, reason) => void (closed = { code, reason: reason.toString() }))
  ws.on('unexpected-response', (_, response) => void refused(response))
  // a client that is cut before the answer
  ws.on('error', () => {})
  const client: TransportClient = {
    received,
    get closed() {
      return closed
    },
    get refusal() {
      return refusal
    },
    send: (payload) => ws.send(payload),
    close: (code, reason) => ws.close(code, reason),
    cut: () => ws.terminate(),
    stopReading: () => ws.pause(),
  }
  return { ws, client }
}
