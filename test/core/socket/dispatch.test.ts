import { describe, expect, test } from 'vitest'
import { once } from 'node:events'
import WebSocket from 'ws'
import { z } from 'zod'
import { binary, consumer, contract, deny, endpoint, text } from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { attackedServer } from '../../security/attacked-server.ts'
import { ada, byName, grace, lines } from '../support/members.ts'

describe('a socket', () => {
  test('is in its own group before open runs', async () => {
    const greeting = consumer(lines, { auth: byName }, (socket) => ({
      open: () => socket.group().send(`${socket.user.name} is here`),
      message: () => {},
    }))
    const server = testServer()
    const alice = await visit(greeting, {}, { user: ada, server })
    expect(await alice.next()).toBe('Ada is here')
    await visit(greeting, {}, { user: grace, server })
    expect(await alice.next()).toBe('Grace is here')
  })

  test('has left its group when its last handler runs', async () => {
    const reached: number[] = []
    const parting = consumer(lines, { auth: byName }, (socket) => ({
      message: () => {},
      close: () => socket.group().send(`${socket.user.name} has left`),
    }))
    const server = testServer({ on: (event) => event.type === 'sent' && reached.push(event.receivers) })
    const alice = await visit(parting, {}, { user: ada, server })
    const bob = await visit(parting, {}, { user: grace, server })
    bob.leave()
    expect(await alice.next()).toBe('Grace has left')
    await expect.poll(() => reached, { interval: 1 }).toEqual([1])
  })

  test('ends at once when its user is revoked, also with a stuck handler and waiting messages', async () => {
    const ran: string[] = []
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const stuck = consumer(lines, { auth: byName }, (socket) => ({
      message: async (line) => {
        ran.push(line)
        await held
        await socket.group().send(line)
      },
    }))
    const server = testServer()
    const alice = await visit(stuck, {}, { user: ada, server })
    for (const line of ['one', 'two', 'three']) alice.send(line).catch(() => {})
    await settled()
    await server.revoke({ user: ada.id, reason: 'banned' })
    expect(await alice.closed).toMatchObject({ code: 4403 })
    release()
    await settled()
    expect(ran).toEqual(['one'])
    await alice.nothing()
  })
})

test('what was sent to a user is kept for all of their devices', async () => {
  const bell = contract('/ws/bell', { server: { rang: z.object({ n: z.number() }) }, history: { size: 2 } })
  const server = testServer()
  for (const n of [1, 2, 3]) await server.user(bell, ada.id).send('rang', { n })
  const { messages } = await server.user(bell, ada.id).history()
  expect(messages.map(({ data }) => data)).toEqual([{ n: 2 }, { n: 3 }])
  expect((await server.user(bell, grace.id).history()).messages).toEqual([])
})

describe('an acknowledgement', () => {
  test('of a handler comes when it has settled', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const slow = consumer(lines, { auth: byName }, () => ({ message: () => held }))
    const alice = await visit(slow, {}, { user: ada })
    let taken = false
    const sent = alice.send('a').then(() => (taken = true))
    await settled()
    expect(taken).toBe(false)
    release()
    await sent
  })

  test('of a loop comes when it has taken the message, and not before', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const slow = endpoint(lines, { auth: byName }, async (socket) => {
      for await (const line of socket) if (line === 'first') await held
    })
    const alice = await visit(slow, {}, { user: ada })
    await alice.send('first')
    let taken = false
    const second = alice.send('second').then(() => (taken = true))
    await settled()
    expect(taken).toBe(false)
    release()
    await second
  })
})

test('a frame of a later version is passed over, and is no offence', async () => {
  const alice = await visit(
    consumer(lines, { auth: byName }, () => ({ message: () => {} })),
    {},
    { user: ada },
  )
  for (const op of ['open', 'hello', 'opened', 'bye', 'telepathy', '', '__proto__'])
    for (let count = 0; count < 3; count++) alice.raw(JSON.stringify({ op, in: '/ws/lines', new: true }))
  await alice.nothing()
  await alice.send('still here')
})

describe('on the plain wire', () => {
  const refusing = consumer(
    contract('/ws/raw-text', { client: text, server: text }),
    { auth: byName },
    () => ({
      message: () => deny(409, 'no-room', 'there is no room for it'),
    }),
  )
  const refusingBytes = consumer(
    contract('/ws/raw-bytes', { client: binary, server: binary }),
    { auth: byName },
    () => ({ message: () => deny(403, 'read-only') }),
  )
  const refusingShape = consumer(
    contract('/ws/shape', { client: z.object({ message: z.string() }), server: z.object({ n: z.number() }) }),
    { auth: byName },
    () => ({ message: () => deny(403, 'read-only', 'you may only read here') }),
  )

  const shoutingAtShapes = consumer(
    contract('/ws/mixed', { client: z.object({ message: z.string() }), server: text }),
    { auth: byName },
    () => ({ message: () => {} }),
  )

  async function refused(path: string, payload: string | Uint8Array): Promise<unknown> {
    const { number } = await attackedServer({}, refusing, refusingBytes, refusingShape, shoutingAtShapes)
    const ws = new WebSocket(`ws://127.0.0.1:${number}${path}`, { headers: { 'x-test-user': 'Ada' } })
    await once(ws, 'open')
    const said = once(ws, 'message').then(([data]): unknown => JSON.parse(String(data)))
    const closed = once(ws, 'close').then(([code, reason]): unknown => [code, String(reason)])
    ws.send(payload)
    const answer = await Promise.race([said, closed])
    ws.terminate()
    return answer
  }

  test('raw text has no room for an error: a denial closes with its code', async () => {
    expect(await refused('/ws/raw-text', 'hello')).toEqual([4409, 'no-room: there is no room for it'])
  })

  test('nor have bytes', async () => {
    expect(await refused('/ws/raw-bytes', Uint8Array.of(1))).toEqual([4403, 'read-only'])
  })

  test('text where bytes belong closes with 1003, and the reverse', async () => {
    expect(await refused('/ws/raw-bytes', 'hello')).toMatchObject([1003, expect.any(String)])
    expect(await refused('/ws/raw-text', Uint8Array.of(1))).toMatchObject([1003, expect.any(String)])
  })

  test('what is invalid where text is answered closes with 4400: it was of the right kind', async () => {
    expect(await refused('/ws/mixed', '{"message":7}')).toMatchObject([4400, expect.any(String)])
  })

  test('beside an unnamed shape a denial stands under error, and so does what is invalid', async () => {
    const error = { status: 403, code: 'read-only', message: 'you may only read here' }
    expect(await refused('/ws/shape', '{"message":"hello"}')).toEqual({ error })
    expect(await refused('/ws/shape', '{"message":7}')).toMatchObject({
      error: { status: 400, code: 'invalid-message' },
    })
  })
})
