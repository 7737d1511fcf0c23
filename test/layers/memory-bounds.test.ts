import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { consumer, contract, memory, text } from '../../src/index.ts'
import { testServer, visit } from '../../src/testing.ts'
import { linkOf } from '../support/links.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const mebibyte = 1024 * 1024
/** Beside what a layer holds, others that run in this process allocate too: a few mebibytes. */
const others = 6 * mebibyte

/** What the heap and its buffers hold more after a run, while what the run answers is alive. */
async function heldBy(run: () => Promise<unknown>): Promise<number> {
  const held = (): number => {
    for (let count = 0; count < 4; count++) collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = held()
  const alive = await run()
  const after = held()
  expect(alive).toBeDefined()
  return after - before
}

const rooms = contract('/ws/room/:room', { server: { said: z.object({ text: z.string() }) }, history: {} })

// measured before: 225 MiB held after this, with the same 50 messages in each room, and 64 KB messages up to 256 MiB
// proves: history-memory
test('80 rooms of 50 messages of 60 KB by one user hold the 64 MiB of all histories at most', async () => {
  const server = testServer()
  const said = 'x'.repeat(60_000)
  const more = await heldBy(async () => {
    for (let room = 0; room < 80; room++)
      for (let count = 0; count < 50; count++)
        await server.group(rooms, { room: String(room) }).send('said', { text: said })
    return server
  })
  expect(more).toBeLessThan(64 * mebibyte + others)
  const last = await server.group(rooms, { room: '79' }).history()
  expect([last.messages.length > 10, last.complete]).toEqual([true, false])
  const first = await server.group(rooms, { room: '0' }).history()
  expect([first.messages.length, first.complete]).toEqual([0, false])
})

const small = { space: 'history', size: 1_000_000, forMs: 3_600_000 } as const

test.each([
  ['messages of no bytes in a few groups', (count: number) => [`t${count % 20}`, 0] as const],
  ['messages of 100 bytes in a few groups', (count: number) => [`t${count % 20}`, 100] as const],
  [
    'one message of 100 bytes in a group',
    (count: number) => [`5:group0:15:/ws/room/:room${count}`, 100] as const,
  ],
])('%s hold no more than the bytes of all histories', async (_, message) => {
  const bounds = { historyBytes: 16 * mebibyte, groupBytes: 16 * mebibyte }
  const more = await heldBy(async () => {
    const link = await linkOf(memory(bounds), 'one')
    for (let count = 0; count < 60_000; count++) {
      const [topic, length] = message(count)
      await link.publish(topic, () => new Uint8Array(length), { ...small, id: `id of message ${count}` })
    }
    return link
  })
  expect(more).toBeLessThan(16 * mebibyte + others)
})

test('groups that are only read hold no more than their part of the bytes of all histories', async () => {
  const more = await heldBy(async () => {
    const link = await linkOf(memory({ historyBytes: 64 * mebibyte }), 'one')
    for (let count = 0; count < 60_000; count++)
      await link.range(`5:group0:15:/ws/room/:room${count}`, small, 'all')
    return link
  })
  expect(more).toBeLessThan(8 * mebibyte + others)
})

test('values and claims hold no more than their bytes', async () => {
  const more = await heldBy(async () => {
    const link = await linkOf(memory({ valueBytes: 16 * mebibyte }), 'one')
    for (let count = 0; count < 30_000; count++) {
      await link.put(`ticket/${count}`, new Uint8Array(100), 60_000).catch(() => {})
      await link.claim(`claim/${count}`, `owner ${count}`, 60_000).catch(() => {})
    }
    return link
  })
  expect(more).toBeLessThan(16 * mebibyte + others)
})

// before, the histories pushed out the log: the banned user was let in
// proves: pushed-out
test('10,200 rooms with history do not let a banned user in at a node that starts later', async () => {
  const layer = memory()
  const server = testServer({ layer })
  const lines = contract('/ws/door', { client: text })
  const auth = async () => ({ user: { id: '7' }, issuedAt: new Date(Date.now() - 60_000) })
  const application = consumer(lines, { auth }, () => ({ message: () => {} }))
  await server.revoke({ user: '7', reason: 'banned' })
  for (let room = 0; room < 10_200; room++)
    await server.group(rooms, { room: String(room) }).send('said', { text: 'hi' })
  const late = testServer({ layer })
  await expect(visit(application, {}, { headers: {}, server: late })).rejects.toMatchObject({
    status: 403,
    code: 'revoked',
  })
})
