import { afterEach, expect, test } from 'vitest'
import { sallyport } from '../../../src/index.ts'
import { room } from '../support/members.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

/** A client of `sallyport.v1` that has been let in, and every frame that comes after. */
async function connectClient(): Promise<{ send(frame: object): void; next(op: string): Promise<object> }> {
  const server = sallyport({ limits: { rate: { most: 1, eachMs: 60_000, burst: 3 } } })
  server.serve(room)
  const { port: number } = await server.listen(0)
  const headers = { 'x-test-user': 'Ada' }
  const url = `ws://127.0.0.1:${number}/ws/chat/lobby`
  const socket = new WebSocket(url, { protocols: ['sallyport.v1'], headers })
  ends.push(() => (socket.close(), server.close({ drain: 50 })))
  const frames: { readonly op: string }[] = []
  let wake = (): void => {}
  socket.addEventListener('message', ({ data }) => {
    frames.push(JSON.parse(String(data)))
    wake()
  })
  const next = async (op: string): Promise<object> => {
    for (;;) {
      const frame = frames.shift()
      if (frame?.op === op) return frame
      if (frame === undefined) await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  await next('opened')
  return { send: (frame) => socket.send(JSON.stringify(frame)), next }
}

test('a client that asks for a sign of life gets one', async () => {
  const { send, next } = await connectClient()
  send({ op: 'ping' })
  expect(await next('pong')).toEqual({ op: 'pong' })
})

test('asking for signs of life counts as sending, so that no peer is made to answer without end', async () => {
  const { send, next } = await connectClient()
  for (let count = 0; count < 4; count++) send({ op: 'ping' })
  expect(await next('err')).toMatchObject({ status: 429, code: 'too-many-messages' })
})
