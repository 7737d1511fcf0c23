import { once } from 'node:events'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { z } from 'zod'
import { type Authenticator, consumer, contract } from '../../src/index.ts'
import { attackedServer } from './attacked-server.ts'

// An answer that reaches another client than the one who asked (CVE-2020-35681): nothing of a request is kept in anything
// that requests share.
const anybody: Authenticator<{ id: string }> = async ({ credentials }) => {
  const id = credentials.of('bearer')
  return id === null ? null : { user: { id } }
}
const asking = contract('/ws/ask/:room', {
  calls: { who: { input: z.object({ turns: z.number() }), output: z.array(z.string()) } },
})

// proves: crossed-answers
test('two hundred questions at once, of different lengths, each get their own answer', async () => {
  const endpoint = consumer(
    asking,
    {
      auth: anybody,
      authorize: async ({ user, params }) => {
        for (let turn = 0; turn < Number(user.id) % 5; turn++) await new Promise(setImmediate)
        return { id: user.id, room: params.room }
      },
    },
    (socket) => ({
      calls: {
        who: async ({ turns }) => {
          for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
          return [socket.user.id, socket.grant.id, socket.grant.room, socket.params.room, socket.subject]
        },
      },
    }),
  )
  const { number, neighbour, faults } = await attackedServer({ limits: { handshakesAtOnce: 200 } }, endpoint)
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, id) => {
      const room = `room-${id % 7}`
      const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/ask/${room}`, ['sallyport.v1'], {
        headers: { authorization: `Bearer ${id}` },
      })
      const got: string[] = []
      ws.on('message', (data: Buffer) => got.push(data.toString()))
      await once(ws, 'open')
      for (let one = 0; one < 10; one++)
        ws.send(
          JSON.stringify({
            op: 'call',
            in: `/ws/ask/${room}`,
            id: `${id}-${one}`,
            type: 'who',
            data: { turns: (id + one) % 4 },
          }),
        )
      await expect.poll(() => got.length, { interval: 5 }).toBe(2 + 10)
      ws.terminate()
      return got.slice(2).map((line) => JSON.parse(line) as unknown)
    }),
  )
  for (const [id, own] of answers.entries()) {
    const room = `room-${id % 7}`
    const data = [String(id), String(id), room, room, String(id)]
    expect(own).toEqual(
      Array.from({ length: 10 }, (_, one) => ({ op: 'ok', in: `/ws/ask/${room}`, id: `${id}-${one}`, data })),
    )
  }
  await neighbour.alive()
  expect(faults).toEqual([])
})
