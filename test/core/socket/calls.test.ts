import { expect, test } from 'vitest'
import { z } from 'zod'
import { runAdmission } from '../../../src/core/admission/admit.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import {
  anyone,
  type Application,
  consumer,
  contract,
  type Server,
  type SallyportEvent,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testServer } from '../../../src/testing.ts'
import { memoryHandshake } from '../../../src/transports/memory.ts'

const path = '/ws/desk'
const desk = contract(path, {
  client: { note: z.object({}) },
  calls: { double: { input: z.object({ n: z.number() }), output: z.object({ n: z.number() }) } },
})

/** A desk whose calls are answered as a test says, and what it has heard. */
function serverWithCalls(
  double: (input: { n: number }, signal: AbortSignal) => unknown = ({ n }) => ({ n: 2 * n }),
  note: () => Promise<void> | void = () => {},
) {
  const asked: unknown[] = []
  const told: SallyportEvent['type'][] = []
  const faults: unknown[] = []
  const server = testServer({ on: ({ type }) => told.push(type), report: (error) => faults.push(error) })
  const open = consumer(desk, { auth: anyone }, () => ({
    on: { note },
    calls: {
      double: async (input, { signal }) => {
        asked.push(input)
        // what a test answers may not fit, whatever the types say
        return (await double(input, signal)) as { n: number }
      },
    },
  }))
  return { asked, told, faults, server, open }
}

/** Speaks `sallyport.v1` by hand, and keeps what is said after the greeting. */
async function speak(application: Application, server: Server) {
  const frames: unknown[] = []
  const ended: number[] = []
  const headers = new Headers({ 'sec-websocket-protocol': 'sallyport.v1' })
  const { handshake, host, clientSide } = memoryHandshake(
    server[serverContext],
    { path, query: '', headers, address: '192.0.2.1', known: null },
    { message: (payload) => frames.push(JSON.parse(String(payload))), ended: (code) => ended.push(code) },
  )
  expect(await runAdmission(application, { handshake, host })).toBeNull()
  frames.length = 0
  const send = async (frame: object): Promise<void> => {
    clientSide.send(JSON.stringify({ in: path, ...frame }))
    await settled()
  }
  return { frames, ended, clientSide, send }
}

const call = (id: string, data: unknown = { n: 21 }) => ({ op: 'call', type: 'double', id, data })
const refused = (id: string, status: number, code: string) =>
  expect.objectContaining({ op: 'err', id, status, code })
const invalid = (id: string) => refused(id, 400, 'invalid-message')
const ok = (id: string, n = 42) => ({ op: 'ok', in: path, id, data: { n } })
const untilAborted = (_: unknown, signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))

test('a message or call that the contract lacks is invalid, and no fault of the server', async () => {
  const { faults, server, open } = serverWithCalls()
  const { frames, send } = await speak(open, server)
  await send({ op: 'msg', type: 'nonsense', id: '1', data: {} })
  for (const type of ['nonsense', 'constructor']) await send({ ...call(type), type })
  expect(frames).toEqual(['1', 'nonsense', 'constructor'].map(invalid))
  expect([faults, server.connections]).toEqual([[], 1])
})

test('a frame for a path that is not open is refused, and the socket stays', async () => {
  const { faults, server, open } = serverWithCalls()
  const { frames, send } = await speak(open, server)
  for (const elsewhere of ['/ws/other', '', 5, null]) await send({ ...call('1'), in: elsewhere })
  expect(frames).toEqual(Array.from({ length: 4 }, () => invalid('1')))
  expect([faults, server.connections]).toEqual([[], 1])
})

test('the end of a message with the id of a call leaves the call to be cancelled', async () => {
  const { promise: noted, resolve: note } = Promise.withResolvers<void>()
  const { server, open } = serverWithCalls(untilAborted, () => noted)
  const { frames, send } = await speak(open, server)
  await send({ op: 'msg', type: 'note', id: '1', data: {} })
  await send(call('1'))
  note()
  await settled()
  await send({ op: 'cancel', id: '1' })
  expect(frames).toEqual([{ op: 'ok', in: path, id: '1' }, refused('1', 499, 'cancelled')])
})

test('input that does not fit its schema reaches no handler', async () => {
  const { asked, server, open } = serverWithCalls()
  const { frames, send } = await speak(open, server)
  for (const data of [{ n: '21' }, null]) await send(call('1', data))
  expect(frames).toEqual([invalid('1'), invalid('1')])
  expect(asked).toEqual([])
})

test('the id of a call under way is not given to another, and is free again once it is answered', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const { asked, server, open } = serverWithCalls(async ({ n }) => (await held, { n: 2 * n }))
  const { frames, send } = await speak(open, server)
  await send(call('1'))
  await send(call('1', { n: 1 }))
  expect(frames).toEqual([invalid('1')])
  release()
  await settled()
  await send(call('1', { n: 2 }))
  expect(frames).toEqual([invalid('1'), ok('1'), ok('1', 4)])
  expect(asked).toEqual([{ n: 21 }, { n: 2 }])
})

test('an asynchronous schema of a call ends its socket, and not the process', async () => {
  const { faults, server } = serverWithCalls()
  const input = z.object({ n: z.number().refine(async () => true) })
  const late = contract(path, { calls: { double: { input, output: z.object({}) } } })
  const asking = consumer(late, { auth: anyone }, () => ({ calls: { double: () => ({}) } }))
  const { ended, send } = await speak(asking, server)
  await send(call('1'))
  expect(ended).toEqual([1011])
  expect(faults).toEqual([expect.objectContaining({ message: expect.stringContaining('synchronous') })])
})

test('an answer that does not fit its contract is found out in tests', async () => {
  const { faults, server, open } = serverWithCalls(() => ({ n: 'many' }))
  const { ended, send } = await speak(open, server)
  await send(call('1'))
  expect(ended).toEqual([1011])
  expect(faults).toEqual([expect.objectContaining({ message: expect.stringContaining("call 'double'") })])
})

test('outside of tests no answer is checked: it costs time, and no attacker chooses it', async () => {
  const { open } = serverWithCalls(() => ({ n: 'many' }))
  const { frames, send } = await speak(open, testServer({ checkOutgoing: false }))
  await send(call('1'))
  expect(frames).toEqual([{ op: 'ok', in: path, id: '1', data: { n: 'many' } }])
})

test('what a handler throws because its call was cancelled is no fault', async () => {
  const { faults, server, open } = serverWithCalls(untilAborted)
  const { frames, send } = await speak(open, server)
  await send(call('1'))
  await send({ op: 'cancel', id: '1' })
  expect(frames).toEqual([refused('1', 499, 'cancelled')])
  expect([faults, server.connections]).toEqual([[], 1])
})

test('a cancelled call whose handler goes on is answered 499, and its result is dropped', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const { asked, faults, server, open } = serverWithCalls(async ({ n }) => (await held, { n: 2 * n }))
  const { frames, send } = await speak(open, server)
  await send(call('1'))
  await send(call('2', { n: 2 }))
  await send({ op: 'cancel', id: '1' })
  await send({ op: 'cancel', id: '2' })
  expect(frames).toEqual([])
  release()
  await settled()
  expect(frames).toEqual([refused('1', 499, 'cancelled'), refused('2', 499, 'cancelled')])
  // the second has waited: it was never run
  expect([asked, faults]).toEqual([[{ n: 21 }], []])
  await send({ op: 'cancel', id: '1' })
  await send(call('1', { n: 3 }))
  expect(frames.slice(2)).toEqual([ok('1', 6)])
})

test('a call that its peer has left behind is neither a fault nor a refused message', async () => {
  const { faults, told, server, open } = serverWithCalls(untilAborted)
  const { clientSide, send } = await speak(open, server)
  await send(call('1'))
  clientSide.cut()
  await settled()
  expect([faults, told]).toEqual([[], ['accepted', 'left']])
})

test('a message without an id is not answered', async () => {
  const { server, open } = serverWithCalls()
  const { frames, send } = await speak(open, server)
  await send({ op: 'msg', type: 'note', data: {} })
  await send({ op: 'msg', type: 'note', id: '1', data: {} })
  expect(frames).toEqual([{ op: 'ok', in: path, id: '1' }])
})
