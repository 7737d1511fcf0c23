import { expect, test, vi } from 'vitest'
import { type Ban, banFrom, type Bans, room } from '../../examples/policies/ban.ts'
import { deny } from '../../src/index.ts'
import { testServer, visit } from '../../src/testing.ts'

/** A table of bans that may take its time. */
function table(): Bans & { readonly wait: { until: Promise<void> | null } } {
  const rows: Ban[] = []
  const wait = { until: null as Promise<void> | null }
  return {
    wait,
    async find(user, where) {
      const found = rows.find((ban) => ban.user === user && ban.room === where) ?? null
      await wait.until
      return found
    },
    async add(ban) {
      rows.push(ban)
    },
  }
}

const never = async (): Promise<never> => deny(401, 'unknown-user')
const ban = {
  user: 'eve',
  room: 'lobby',
  reason: 'a day to cool down',
  until: new Date(Date.now() + 86_400_000),
}
const lobby = { room: 'lobby' }
const eve = { user: { id: 'eve' } }

test('a ban closes what is open in that room alone, and keeps its holder out', async () => {
  const [bans, server] = [table(), testServer()]
  const chat = room(never, bans)
  const inLobby = await visit(chat, lobby, { ...eve, server })
  const elsewhere = await visit(chat, { room: 'board' }, { ...eve, server })
  const bob = await visit(chat, lobby, { user: { id: 'bob' }, server })
  expect(await banFrom(server, bans, ban)).toMatchObject({ closed: 1, silent: [] })
  expect(await inLobby.closed).toEqual({ code: 4403, reason: 'revoked: a day to cool down' })
  await expect(visit(chat, lobby, { ...eve, server })).rejects.toMatchObject({ status: 403, code: 'banned' })
  await elsewhere.send('say', { text: 'still here' })
  await bob.send('say', { text: 'so am I' })
})

test('a ban reaches a user who is just coming in', async () => {
  const [bans, server] = [table(), testServer()]
  const { promise, resolve } = Promise.withResolvers<void>()
  bans.wait.until = promise
  const asked = vi.spyOn(bans, 'find')
  const visiting = visit(room(never, bans), lobby, { ...eve, server })
  await expect.poll(() => asked.mock.calls.length).toBe(1)
  await banFrom(server, bans, ban)
  resolve()
  expect((await (await visiting).closed).code).toBe(4403)
})

test('a ban ends with its time', async () => {
  const [bans, server] = [table(), testServer()]
  await banFrom(server, bans, { ...ban, until: new Date(Date.now() - 1) })
  await visit(room(never, bans), lobby, { ...eve, server })
})
