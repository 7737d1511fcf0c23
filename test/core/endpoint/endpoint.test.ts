import { expect, test } from 'vitest'
import { z } from 'zod'
import { consumer, contract, Denial, deny, endpoint, type LeaveReason } from '../../../src/index.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, byName, bytes, chat, echo, grace, lines, mallory, room } from '../support/members.ts'

test('what one says, the room hears, and no other room', async () => {
  const server = testServer()
  const alice = await visit(room, { room: 'lobby' }, { user: ada, server })
  const bob = await visit(room, { room: 'lobby' }, { user: grace, server })
  const elsewhere = await visit(room, { room: 'lobby2' }, { user: grace, server })
  await alice.send('say', { text: 'hello' })
  expect(await alice.next('said')).toEqual({ from: 'Ada', text: 'hello' })
  expect(await bob.next()).toEqual({ type: 'said', from: 'Ada', text: 'hello' })
  await elsewhere.nothing()
})

test('a stranger is refused before the socket opens, in both forms', async () => {
  await expect(visit(room, { room: 'lobby' }, { user: mallory })).rejects.toMatchObject({
    status: 403,
    closeCode: 4403,
    close: { code: 4403, reason: 'forbidden: you may not come in here' },
    http: { status: 403, headers: { 'Content-Type': 'application/problem+json' } },
  })
})

test('no credential is 401, and a bad one keeps the word of its authenticator', async () => {
  await expect(visit(room, { room: 'a' }, { headers: {} })).rejects.toMatchObject({
    status: 401,
    code: 'unauthenticated',
  })
  await expect(visit(room, { room: 'a' }, { headers: { 'x-test-user': 'Stranger' } })).rejects.toMatchObject({
    code: 'unknown-user',
  })
})

test('only what the contract lets travel of a grant reaches the client', async () => {
  const alice = await visit(room, { room: 'grants' }, { user: ada })
  expect(alice.grant).toEqual({ canWrite: true })
})

test('a denial of a handler is an error for that sender alone, and the socket stays open', async () => {
  const server = testServer()
  const reader = await visit(room, { room: 'r' }, { user: grace, server })
  await expect(reader.send('say', { text: 'let me' })).rejects.toMatchObject({
    status: 403,
    reason: 'read-only',
  })
  await reader.send('typing', {})
})

// proves: handler-fault
test('a handler that throws closes its socket with 1011, is reported, and harms no other socket', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const alice = await visit(room, { room: 'r' }, { user: ada, server })
  const other = await visit(room, { room: 'r' }, { user: ada, server })
  await expect(alice.send('say', { text: 'boom' })).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(await alice.closed).toEqual({ code: 1011, reason: 'internal error' })
  expect(faults).toEqual([expect.objectContaining({ message: 'a fault of the handler' })])
  await other.send('say', { text: 'still here' })
  expect(await other.next('said')).toMatchObject({ text: 'still here' })
})

test('the one who typed does not hear it', async () => {
  const server = testServer()
  const alice = await visit(room, { room: 'r' }, { user: ada, server })
  const bob = await visit(room, { room: 'r' }, { user: grace, server })
  await alice.send('typing', {})
  expect(await bob.next('typing')).toEqual({ from: 'Ada' })
  await alice.nothing()
})

test('a call is answered, and one that is cancelled lets the next message through', async () => {
  const alice = await visit(room, { room: 'calls' }, { user: ada })
  expect(await alice.call('count', { upTo: 3 })).toEqual([0, 1, 2])
  const abort = new AbortController()
  const endless = alice.call('count', { upTo: 101 }, { signal: abort.signal })
  const after = alice.send('typing', {})
  abort.abort()
  await expect(endless).rejects.toBeInstanceOf(Error)
  await after
})

test('a fault of a call closes with 1011, and what waited behind it is told', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const { promise: failing, reject: fail } = Promise.withResolvers<number[]>()
  const broken = consumer(chat, { auth: byName, authorize: () => ({ canWrite: true }) }, () => ({
    on: { say: () => {}, typing: () => {} },
    calls: { count: () => failing },
  }))
  const alice = await visit(broken, { room: 'calls' }, { user: ada, server })
  const answer = alice.call('count', { upTo: 1 })
  const behind = alice.send('typing', {})
  fail(new Error('a fault of the call'))
  await expect(answer).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await expect(behind).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(faults).toHaveLength(1)
})

test('an invalid message is refused with what is wrong, and is never handled', async () => {
  const alice = await visit(room, { room: 'invalid' }, { user: ada })
  await expect(alice.send('say', { text: '' })).rejects.toMatchObject({
    status: 400,
    reason: 'invalid-message',
  })
  await alice.nothing()
})

test('the tenth invalid message within ten seconds closes with 4400, nine do not', async () => {
  const clock = testClock()
  const alice = await visit(room, { room: 'invalid' }, { user: ada, server: testServer({ clock }) })
  for (let count = 0; count < 9; count++) alice.raw('no json')
  await clock.advance(10_001)
  for (let count = 0; count < 9; count++) alice.raw('no json')
  await alice.send('typing', {})
  alice.raw('no json')
  expect(await alice.closed).toMatchObject({ code: 4400 })
})

// proves: message-flood
test('a message over the rate is dropped with 429, and ten seconds of it close with 4429', async () => {
  const clock = testClock()
  const server = testServer({ clock, limits: { rate: { most: 1, eachMs: 1_000, burst: 2 } } })
  const alice = await visit(room, { room: 'rate' }, { user: ada, server })
  await alice.send('typing', {})
  await alice.send('typing', {})
  await expect(alice.send('typing', {})).rejects.toMatchObject({ status: 429, reason: 'too-many-messages' })
  await clock.advance(1_000)
  await alice.send('typing', {})
  for (let tenth = 0; tenth < 110; tenth++) {
    await clock.advance(100)
    alice.raw('{"op":"msg","in":"/ws/chat/rate","type":"typing","data":{}}')
    alice.raw('{"op":"msg","in":"/ws/chat/rate","type":"typing","data":{}}')
  }
  expect(await alice.closed).toMatchObject({ code: 4429 })
})

test('a loop answers messages one by one and closes 1000 when it returns', async () => {
  const alice = await visit(echo, {}, { user: ada })
  await alice.send('one')
  await alice.send('two')
  expect(await alice.next()).toBe('one')
  expect(await alice.next()).toBe('two')
  void alice.send('bye')
  expect(await alice.closed).toMatchObject({ code: 1000 })
})

test('a denial out of a loop closes with its code, and a fault with 1011', async () => {
  const server = testServer({ report: () => {} })
  const refused = await visit(echo, {}, { user: ada, server })
  void refused.send('refuse')
  expect(await refused.closed).toMatchObject({ code: 4409, reason: 'enough' })
  const failed = await visit(echo, {}, { user: ada, server })
  void failed.send('boom')
  expect(await failed.closed).toMatchObject({ code: 1011 })
})

test('a loop ends and its clean-up runs when the peer is lost', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const watched = endpoint(bytes, { auth: byName }, async (socket) => {
    await using held = { [Symbol.asyncDispose]: async () => resolve(`${socket.params.name} cleaned up`) }
    for await (const data of socket) void [data, held]
  })
  const alice = await visit(watched, { name: 'blob' }, { user: ada })
  alice.cut()
  expect(await promise).toBe('blob cleaned up')
})

test('a denial in open closes with 4000 and its status', async () => {
  const closed = consumer(chat, { auth: byName, authorize: () => ({ canWrite: true }) }, () => ({
    open: () => deny(409, 'full', 'no seat is free'),
    on: { say: () => {}, typing: () => {} },
    calls: { count: () => [] },
  }))
  const alice = await visit(closed, { room: 'full' }, { user: ada })
  expect(await alice.closed).toEqual({ code: 4409, reason: 'full: no seat is free' })
})

test('messages wait until open is done', async () => {
  const order: string[] = []
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const patient = consumer(lines, { auth: byName }, () => ({
    open: async () => {
      await opened
      order.push('open')
    },
    message: (line) => void order.push(line),
  }))
  const alice = await visit(patient, {}, { user: ada })
  const sent = alice.send('first')
  open()
  await sent
  expect(order).toEqual(['open', 'first'])
})

test('handlers of one socket run one at a time', async () => {
  let running = 0
  let most = 0
  const slow = consumer(lines, { auth: byName }, () => ({
    message: async () => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
    },
  }))
  const alice = await visit(slow, {}, { user: ada })
  await Promise.all(['a', 'b', 'c'].map((line) => alice.send(line)))
  expect(most).toBe(1)
})

test('what a peer said before it left is still heard, one by one, before close', async () => {
  const order: string[] = []
  const slow = consumer(lines, { auth: byName }, () => ({
    message: async (line) => {
      await Promise.resolve()
      order.push(line)
    },
    close: () => void order.push('close'),
  }))
  const alice = await visit(slow, {}, { user: ada })
  for (const line of ['a', 'b', 'c']) alice.send(line).catch(() => {})
  alice.leave()
  await alice.closed
  await expect.poll(() => order).toEqual(['a', 'b', 'c', 'close'])
})

test('what waits when the server closes a socket is forgotten', async () => {
  const order: string[] = []
  const closing = consumer(lines, { auth: byName }, (socket) => ({
    message: async (line) => {
      order.push(line)
      await Promise.resolve()
      socket.close(4000)
    },
    close: () => void order.push('close'),
  }))
  const alice = await visit(closing, {}, { user: ada })
  for (const line of ['a', 'b', 'c']) alice.send(line).catch(() => {})
  await alice.closed
  await expect.poll(() => order).toEqual(['a', 'close'])
})

test('close is told once why the socket has ended', async () => {
  const left: { why: LeaveReason; code: number; mayReturn: boolean }[] = []
  const watched = consumer(lines, { auth: byName }, () => ({
    message: () => {},
    close: (leave) => void left.push(leave),
  }))
  const gone = await visit(watched, {}, { user: ada })
  gone.leave(1000)
  await gone.closed
  const lost = await visit(watched, {}, { user: ada })
  lost.cut()
  await lost.closed
  await expect
    .poll(() => left)
    .toEqual([
      { why: 'peer', code: 1000, mayReturn: false },
      { why: 'lost', code: 1006, mayReturn: true },
    ])
})

// proves: database-away
test('an authorize that throws is 503, never a yes and never a 403', async () => {
  const server = testServer({ report: () => {} })
  const broken = endpoint(
    lines,
    {
      auth: byName,
      authorize: (): boolean => {
        throw new Error('database away')
      },
    },
    async () => {},
  )
  await expect(visit(broken, {}, { user: ada, server })).rejects.toMatchObject({
    status: 503,
    closeCode: 4503,
  })
})

test.each([
  ['false', false, 403],
  ['null', null, 403],
  ['undefined', undefined, 403],
  ['zero', 0, null],
  ['an empty text', '', null],
])('authorize answering %s is understood', async (_, grant, status) => {
  const answering = endpoint(lines, { auth: byName, authorize: () => grant as true }, async (socket) => {
    for await (const line of socket) socket.send(line)
  })
  const visiting = visit(answering, {}, { user: ada })
  if (status === null) await expect(visiting).resolves.toBeDefined()
  else await expect(visiting).rejects.toMatchObject({ status })
})

test('an endpoint may choose its close code for 401 and 403 alone', async () => {
  const django = endpoint(
    lines,
    {
      auth: byName,
      authorize: ({ user }) => (user.id === '2' ? deny(409, 'later') : null),
      refuse: { code: 4003 },
    },
    async () => {},
  )
  await expect(visit(django, {}, { headers: {} })).rejects.toMatchObject({ status: 401, closeCode: 4003 })
  await expect(visit(django, {}, { user: ada })).rejects.toMatchObject({ status: 403, closeCode: 4003 })
  await expect(visit(django, {}, { user: grace })).rejects.toMatchObject({ status: 409, closeCode: 4409 })
})

test('an asynchronous schema is a TypeError that says so', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const late = contract('/ws/late', { client: { ask: z.object({ n: z.number().refine(async () => true) }) } })
  const asking = consumer(late, { auth: byName }, () => ({ on: { ask: () => {} } }))
  const alice = await visit(asking, {}, { user: ada, server })
  await expect(alice.send('ask', { n: 1 })).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(faults).toEqual([
    expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('synchronous') }),
  ])
})

test('in a test, what the server sends is checked against its contract', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const typo = consumer(chat, { auth: byName, authorize: () => ({ canWrite: true }) }, (socket) => ({
    // @ts-expect-error the text is missing
    open: () => socket.send('said', { from: 'x' }),
    on: { say: () => {}, typing: () => {} },
    calls: { count: () => [] },
  }))
  const alice = await visit(typo, { room: 'typo' }, { user: ada, server })
  expect(await alice.closed).toMatchObject({ code: 1011 })
  expect(faults).toEqual([expect.objectContaining({ message: expect.stringContaining('does not fit') })])
})

test('a peer that answers pings is not lost, however long it says nothing', async () => {
  const clock = testClock()
  const left: string[] = []
  const server = testServer({ clock, on: (event) => event.type === 'left' && left.push(event.why) })
  const alice = await visit(room, { room: 'pulse' }, { user: ada, server })
  await clock.advance(120_000)
  await alice.send('typing', {})
  expect(left).toEqual([])
})

test('draining closes with 1012, lets running handlers finish, and refuses new clients', async () => {
  const clock = testClock()
  const server = testServer({ clock })
  const alice = await visit(room, { room: 'drain' }, { user: ada, server })
  const closing = server.close({ drain: '10s' })
  expect(await alice.closed).toEqual({ code: 1012, reason: 'restart' })
  await closing
  await expect(visit(room, { room: 'drain' }, { user: ada, server })).rejects.toMatchObject({ status: 503 })
})

test('a consumer without a handler for a message of its contract is a programmer error', async () => {
  const server = testServer({ report: () => {} })
  // the compiler refuses a table without its handlers; JavaScript does not
  const none = {} as never
  const lacking = consumer(chat, { auth: byName, authorize: () => ({ canWrite: true }) }, () => ({
    on: none,
    calls: none,
  }))
  const alice = await visit(lacking, { room: 'x' }, { user: ada, server })
  expect(await alice.closed).toMatchObject({ code: 1011 })
})

test('deny is for statuses from 400 to 599 and short words', () => {
  expect(() => deny(200, 'fine')).toThrow(TypeError)
  expect(() => deny(403, 'Not A Word')).toThrow(TypeError)
  expect(() => deny(403, 'read-only')).toThrow(Denial)
})
