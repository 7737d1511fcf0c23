import { describe, expect, test } from 'vitest'
import { anyOf, consumer, deny, type Authenticator } from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { ada, byName, echo, grace, lines, mallory, room, type User } from '../core/support/members.ts'

describe('a visit', () => {
  test('by a user asks no authenticator, by headers asks the real one', async () => {
    const asked: string[] = []
    const watched: Authenticator<User> = async (request) => (asked.push(request.path), byName(request))
    const endpoint = consumer(lines, { auth: anyOf(watched) }, (socket) => ({
      open: () => socket.send(socket.user.name),
      message: () => {},
    }))
    expect(await (await visit(endpoint, {}, { user: grace })).next()).toBe('Grace')
    expect(asked).toEqual([])
    expect(await (await visit(endpoint, {}, { headers: { 'x-test-user': 'Ada' } })).next()).toBe('Ada')
    expect(asked).toEqual(['/ws/lines'])
  })

  test('that is refused shows both faces as the wire would', async () => {
    const refused = await visit(room, { room: 'a' }, { user: mallory }).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      name: 'VisitRefused',
      status: 403,
      code: 'forbidden',
      closeCode: 4403,
      close: { code: 4403, reason: 'forbidden: you may not come in here' },
      http: { status: 403, headers: { 'Content-Type': 'application/problem+json' } },
    })
  })

  test('that is refused before the upgrade has no close code to show', async () => {
    const headers = { origin: 'https://evil.example', 'x-test-user': 'Ada' }
    await expect(visit(room, { room: 'a' }, { headers })).rejects.toMatchObject({ status: 403, close: null })
  })

  test('tells the test, and not the peer, why an authenticator refused', async () => {
    const strict: Authenticator<User> = async () => deny(401, 'bad', 'no', { detail: 'wrong signature' })
    const endpoint = consumer(lines, { auth: strict }, () => ({ message: () => {} }))
    const refused = await visit(endpoint, {}, { headers: {} }).catch((error: unknown) => error)
    expect(String(refused)).toContain('wrong signature')
    expect(JSON.stringify((refused as { http: unknown }).http)).not.toContain('wrong signature')
  })

  test('with params that are none is a TypeError', async () => {
    await expect(visit(room, { room: '..' }, { user: ada })).rejects.toThrow(TypeError)
  })

  test('says what did come when what is waited for does not', async () => {
    const alice = await visit(room, { room: 'waits' }, { user: ada, server: testServer() })
    await alice.send('say', { text: 'hello' })
    await expect(alice.next('typing')).rejects.toThrow(/no 'typing' came .*hello/)
    await expect(alice.nothing()).rejects.toThrow(/hello/)
  })

  test('ends what was asked and not answered', async () => {
    const stuck = consumer(lines, { auth: byName }, () => ({ message: () => new Promise<never>(() => {}) }))
    const alice = await visit(stuck, {}, { user: ada })
    const sent = alice.send('for ever')
    alice.cut()
    await expect(sent).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('to one port is no visit to another', async () => {
    const [one, two] = [testServer(), testServer()]
    const alice = await visit(room, { room: 'a' }, { user: ada, server: one })
    const bob = await visit(room, { room: 'a' }, { user: grace, server: two })
    await alice.send('say', { text: 'hello' })
    await alice.next('said')
    await bob.nothing()
  })

  test('with a message above the limit is closed with 1009, as on the wire', async () => {
    const server = testServer({ limits: { messageBytes: 100 } })
    const alice = await visit(echo, {}, { user: ada, server })
    alice.send('x'.repeat(200)).catch(() => {})
    expect(await alice.closed).toMatchObject({ code: 1009 })
  })
})

describe('the clock of a test', () => {
  test('stands still, and fires timers in order when it advances, also timers set meanwhile', async () => {
    const clock = testClock(1_000)
    const rung: [string, number][] = []
    const ring = (name: string) => () => void rung.push([name, clock.monotonic()])
    clock.after(20, ring('second'))
    clock.after(10, () => {
      ring('first')()
      clock.after(5, ring('set by the first'))
    })
    clock.after(15, ring('called off')).cancel()
    expect([clock.now(), clock.monotonic(), rung]).toEqual([1_000, 0, []])
    await clock.advance(19)
    expect(rung).toEqual([
      ['first', 10],
      ['set by the first', 15],
    ])
    await clock.advance(1)
    expect(rung.at(-1)).toEqual(['second', 20])
    expect(clock.now()).toBe(1_020)
  })

  test('can be set while no time passes', async () => {
    const clock = testClock(1_000)
    clock.jump(-500)
    expect([clock.now(), clock.monotonic()]).toEqual([500, 0])
  })
})
