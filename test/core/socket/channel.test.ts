import { expect, test } from 'vitest'
import { z } from 'zod'
import { runAdmission } from '../../../src/core/admission/admit.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { anyone, binary, consumer, contract, deny, endpoint, memory, text } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { memoryHandshake } from '../../../src/transports/memory.ts'
import { ada, byName, lines } from '../support/members.ts'

const commands = contract('/ws/commands', { client: { go: z.object({}) } })
const guest = { headers: {} }

test('close runs after open has settled, though open ended the socket', async () => {
  const events: string[] = []
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const ending = consumer(contract('/ws/ending', {}), { auth: anyone }, (socket) => ({
    async open() {
      socket.close()
      await saved
      events.push('opened')
    },
    close: () => events.push('closed'),
  }))
  const alice = await visit(ending, {}, { ...guest, server: testServer() })
  await alice.closed
  await settled()
  expect(events).toEqual([])
  save()
  await settled()
  expect(events).toEqual(['opened', 'closed'])
})

test('close runs after a handler that ended the socket, whether it waits for something or not', async () => {
  const events: string[] = []
  const both = contract('/ws/both', { client: { now: z.object({}), soon: z.object({}) } })
  const ending = consumer(both, { auth: anyone }, (socket) => ({
    on: {
      now: () => {
        socket.close()
        events.push('now')
      },
      soon: async () => {
        socket.close()
        await Promise.resolve()
        events.push('soon')
      },
    },
    close: () => events.push('closed'),
  }))
  const [alice, bob] = [await visit(ending, {}, guest), await visit(ending, {}, guest)]
  alice.raw('{"op":"msg","in":"/ws/both","type":"now","data":{}}')
  await alice.closed
  await settled()
  expect(events).toEqual(['now', 'closed'])
  bob.raw('{"op":"msg","in":"/ws/both","type":"soon","data":{}}')
  await bob.closed
  await settled()
  expect(events).toEqual(['now', 'closed', 'soon', 'closed'])
})

test('a promise of any kind is awaited: handlers run in turn, and its rejection is a refusal', async () => {
  const events: string[] = []
  // query builders run when they are awaited, and not before
  const query = (then: () => unknown): unknown => ({
    // oxlint-disable-next-line unicorn/no-thenable -- that is what a query builder is
    then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) =>
      void Promise.resolve().then(then).then(resolve, reject),
  })
  let count = 0
  const querying = consumer(commands, { auth: anyone }, () => ({
    open: () => query(() => events.push('open')),
    on: {
      go: () => {
        const number = ++count
        events.push(`begin ${number}`)
        return query(() => (number === 2 ? deny(409, 'twice') : events.push(`end ${number}`)))
      },
    },
  }))
  const alice = await visit(querying, {}, { ...guest, server: testServer() })
  const sends = [alice.send('go', {}), alice.send('go', {})]
  await sends[0]
  await expect(sends[1]).rejects.toMatchObject({ status: 409 })
  expect(events).toEqual(['open', 'begin 1', 'end 1', 'begin 2'])
})

test.each([
  ['says goodbye', (visitor: { leave(): void }) => visitor.leave()],
  ['is cut off', (visitor: { cut(): void }) => visitor.cut()],
])('a peer that %s is heard to the end: what it had said before is not lost', async (_, go) => {
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const heard: string[] = []
  const saving = consumer(lines, { auth: byName }, () => ({
    message: async (line) => {
      await saved
      heard.push(line)
    },
  }))
  const alice = await visit(saving, {}, { user: ada, server: testServer() })
  for (const data of ['one', 'two']) alice.raw(JSON.stringify({ op: 'msg', in: '/ws/lines', data }))
  go(alice)
  await alice.closed
  save()
  await settled()
  expect(heard).toEqual(['one', 'two'])
})

test('a handler may answer nothing in any way', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  for (const nothing of [null, undefined, 7, { saved: true }]) {
    const quiet = consumer(commands, { auth: anyone }, () => ({ on: { go: () => nothing } }))
    await (await visit(quiet, {}, { ...guest, server })).send('go', {})
  }
  expect(faults).toEqual([])
})

test('what waits for something when the peer leaves is told by the signal, and that is no fault', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const waiting = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  const opens = consumer(contract('/ws/opens', {}), { auth: anyone }, (socket) => ({
    open: () => waiting(socket.signal),
  }))
  const loops = endpoint(lines, { auth: byName }, (socket) => waiting(socket.signal))
  for (const visitor of [
    await visit(opens, {}, { ...guest, server }),
    await visit(loops, {}, { user: ada, server }),
  ])
    visitor.cut()
  await settled()
  expect(faults).toEqual([])
})

test('frames that are no messages count against the rate, too', async () => {
  const clock = testClock()
  const server = testServer({ clock, limits: { rate: { most: 1, eachMs: 1_000, burst: 2 } } })
  for (const frame of ['{"op":"pong"}', '{"op":"unknown"}', '{"op":"cancel","in":"/ws/commands","id":"1"}']) {
    const quiet = consumer(commands, { auth: anyone }, () => ({ on: { go: () => {} } }))
    const alice = await visit(quiet, {}, { ...guest, server })
    for (let tenth = 0; tenth < 110; tenth++) {
      alice.raw(frame)
      alice.raw(frame)
      await clock.advance(100)
    }
    expect(await alice.closed).toMatchObject({ code: 4429 })
  }
})

test('draining waits for the message that a loop is at, and for its clean-up', async () => {
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const events: string[] = []
  const server = testServer()
  const saving = endpoint(lines, { auth: byName }, async (socket) => {
    for await (const line of socket) {
      await saved
      socket.send(`saved ${line}`)
    }
    events.push('cleaned up')
  })
  const alice = await visit(saving, {}, { user: ada, server })
  await alice.send('one')
  const closed = server.close({ drain: '5s' })
  await settled()
  alice.raw('{"op":"msg","in":"/ws/lines","data":"too late"}')
  save()
  expect(await alice.next()).toBe('saved one')
  expect(await alice.closed).toMatchObject({ code: 1012 })
  await closed
  expect(events).toEqual(['cleaned up'])
})

test('what comes while the server drains runs no handler', async () => {
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const ran: string[] = []
  const server = testServer()
  const slow = consumer(lines, { auth: byName }, () => ({
    message: async (line) => {
      ran.push(line)
      await saved
    },
  }))
  const alice = await visit(slow, {}, { user: ada, server })
  alice.raw('{"op":"msg","in":"/ws/lines","data":"one"}')
  const closed = server.close({ drain: '5s' })
  await settled()
  alice.raw('{"op":"msg","in":"/ws/lines","data":"too late"}')
  save()
  await closed
  expect(ran).toEqual(['one'])
})

test('a first message while the server drains and `open` still runs reaches no handler', async () => {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const ran: string[] = []
  const server = testServer()
  const slow = consumer(lines, { auth: byName }, () => ({
    open: () => opened,
    message: (line) => void ran.push(line),
  }))
  const alice = await visit(slow, {}, { user: ada, server })
  const closed = server.close({ drain: '5s' })
  await settled()
  alice.raw('{"op":"msg","in":"/ws/lines","data":"too late"}')
  open()
  await closed
  expect(ran).toEqual([])
})

test('draining does not wait for a loop that is at no message', async () => {
  const server = testServer()
  const pushing = endpoint(lines, { auth: byName }, async (socket) => {
    await new Promise<void>((resolve) => socket.signal.addEventListener('abort', () => resolve()))
  })
  const alice = await visit(pushing, {}, { user: ada, server })
  await server.close({ drain: '30s' })
  expect(await alice.closed).toMatchObject({ code: 1012 })
})

test('a close handler can still speak to its group while the server drains', async () => {
  const layer = memory()
  const [here, there] = [testServer({ layer, node: 'here' }), testServer({ layer, node: 'there' })]
  const parting = contract('/ws/parting', { server: { left: z.object({}) } })
  const room = consumer(parting, { auth: anyone }, (socket) => ({
    async close() {
      await settled()
      await socket.group().send('left', {})
    },
  }))
  await visit(room, {}, { ...guest, server: here })
  const other = await visit(room, {}, { ...guest, server: there })
  await here.close({ drain: '5s' })
  expect(await other.next('left')).toEqual({})
})

test('a peer that answers pings is not lost while a handler holds up the drain', async () => {
  const clock = testClock()
  const { promise: saved, resolve: save } = Promise.withResolvers<void>()
  const server = testServer({ clock })
  const slow = consumer(commands, { auth: anyone }, () => ({ on: { go: () => saved } }))
  const alice = await visit(slow, {}, { ...guest, server })
  alice.raw('{"op":"msg","in":"/ws/commands","type":"go","data":{}}')
  await settled()
  const closed = server.close({ drain: '10m' })
  await clock.advance(120_000)
  expect(server.connections).toBe(1)
  save()
  await closed
  expect(await alice.closed).toMatchObject({ code: 1012 })
})

test('a loop reads objects flat beside their type, and text and bytes under data', async () => {
  const mixed = contract('/ws/mixed', {
    client: { say: z.object({ text: z.string() }), note: text, blob: binary },
  })
  const read: unknown[] = []
  const loop = endpoint(mixed, { auth: anyone }, async (socket) => {
    for await (const message of socket) read.push(message)
  })
  const alice = await visit(loop, {}, { ...guest, server: testServer() })
  await alice.send('say', { text: 'hello' })
  await alice.send('note', 'to self')
  await alice.send('blob', new Uint8Array([1, 2]))
  expect(read).toEqual([
    { type: 'say', text: 'hello' },
    { type: 'note', data: 'to self' },
    { type: 'blob', data: new Uint8Array([1, 2]) },
  ])
})

test('a loop that leaves its loop and goes on is not stuck on what it did not take', async () => {
  const events: string[] = []
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
  const first = endpoint(contract('/ws/first', { client: text }), { auth: anyone }, async (socket) => {
    for await (const line of socket) {
      events.push(line)
      break
    }
    await finished
    events.push('finished')
  })
  const server = testServer()
  const alice = await visit(first, {}, { ...guest, server })
  alice.raw('{"op":"msg","in":"/ws/first","data":"one"}')
  alice.raw('{"op":"msg","in":"/ws/first","data":"two"}')
  await settled()
  alice.cut()
  await settled()
  finish()
  await settled()
  expect(events).toEqual(['one', 'finished'])
  expect(server.connections).toBe(0)
})

test('a signal that is asked for after the end has been given', async () => {
  const { promise: closed, resolve: close } = Promise.withResolvers<boolean>()
  const late = consumer(contract('/ws/late', {}), { auth: anyone }, (socket) => ({
    close: () => close(socket.signal.aborted),
  }))
  const alice = await visit(late, {}, guest)
  alice.leave()
  expect(await closed).toBe(true)
})

test('a change handler that fails a turn later ends its socket, and not the process', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  let grant = 1
  const changing = consumer(contract('/ws/changing', {}), { auth: byName, authorize: () => grant }, () => ({
    change: async () => Promise.reject(new Error('a fault of the handler')),
  }))
  const alice = await visit(changing, {}, { user: ada, server })
  grant = 2
  await server.recheck({ user: ada.id })
  expect(await alice.closed).toMatchObject({ code: 1011 })
  expect(faults).toEqual([new Error('a fault of the handler')])
})

/** What a `fetch` rejects with that was called off. */
function aborted(): Error {
  return Object.assign(new Error('aborted'), { name: 'AbortError' })
}

test('a handler that rejects with an abort while its socket is open is a fault', async () => {
  const faults: unknown[] = []
  const server = testServer({ report: (error) => faults.push(error) })
  const calledOff = consumer(commands, { auth: anyone }, () => ({
    on: { go: async () => Promise.reject(aborted()) },
  }))
  const alice = await visit(calledOff, {}, { ...guest, server })
  await expect(alice.send('go', {})).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(await alice.closed).toMatchObject({ code: 1011 })
  expect(faults).toEqual([aborted()])
})

test.each([
  ['in an ordinary way', new Error('the disk is full')],
  ['for no reason at all', undefined],
])('a handler that fails %s after its socket has ended is reported all the same', async (_, fault) => {
  const faults: unknown[] = []
  const { promise: saved, reject: fail } = Promise.withResolvers<void>()
  const server = testServer({ report: (error) => faults.push(error) })
  const saving = consumer(commands, { auth: anyone }, () => ({ on: { go: () => saved } }))
  const alice = await visit(saving, {}, { ...guest, server })
  alice.raw('{"op":"msg","in":"/ws/commands","type":"go","data":{}}')
  alice.leave()
  await alice.closed
  fail(fault)
  await settled()
  expect(faults).toEqual([fault])
})

test('a socket that is ended twice has ended once', async () => {
  const told: string[] = []
  const server = testServer({ on: (event) => event.type === 'left' && told.push(`left ${event.code}`) })
  const ending = consumer(commands, { auth: anyone }, (socket) => ({
    on: {
      go: () => {
        socket.close(4000, 'first')
        socket.close(4001, 'second')
      },
    },
    close: ({ code }) => told.push(`closed ${code}`),
  }))
  const alice = await visit(ending, {}, { ...guest, server })
  alice.raw('{"op":"msg","in":"/ws/commands","type":"go","data":{}}')
  expect(await alice.closed).toEqual({ code: 4000, reason: 'first' })
  await settled()
  expect(told).toEqual(['left 4000', 'closed 4000'])
})

test.each([
  [1000, 'peer'],
  [4000, 'peer'],
  [1002, 'abuse'],
  [1007, 'abuse'],
  [1009, 'abuse'],
  [4508, 'slow'],
  [1006, 'lost'],
])('a wire that has ended with %i has ended because of: %s', async (code, why) => {
  const told: string[] = []
  const server = testServer({ on: (event) => event.type === 'left' && told.push(event.why) })
  const quiet = consumer(contract('/ws/quiet', {}), { auth: anyone }, () => ({}))
  const alice = await visit(quiet, {}, { ...guest, server })
  alice.leave(code)
  await alice.closed
  await settled()
  expect(told).toEqual([why])
})

test('nothing is handed to a wire that has ended: not what a handler says, nor what it refuses', async () => {
  const server = testServer()
  const { promise: waiting, resolve: go } = Promise.withResolvers<void>()
  const parting = consumer(lines, { auth: byName }, (socket) => ({
    message: async () => {
      await waiting
      socket.send('too late')
      deny(409, 'too-late')
    },
    close: () => socket.send('goodbye'),
  }))
  const headers = new Headers({ 'x-test-user': 'Ada', 'sec-websocket-protocol': 'sallyport.v1' })
  const { handshake, host, clientSide } = memoryHandshake(
    server[serverContext],
    { path: '/ws/lines', query: '', headers, address: '192.0.2.1', known: null },
    { message: () => {}, ended: () => {} },
  )
  let sent = 0
  const acceptWire = handshake.accept.bind(handshake)
  handshake.accept = (...how) => {
    const wire = acceptWire(...how)
    return { ...wire, send: (packet) => (sent++, wire.send(packet)) }
  }
  expect(await runAdmission(parting, { handshake, host })).toBeNull()
  clientSide.send('{"op":"msg","in":"/ws/lines","id":"1","data":"hello"}')
  clientSide.cut()
  await settled()
  const before = sent
  go()
  await settled()
  expect([before, sent]).toEqual([2, 2])
})
