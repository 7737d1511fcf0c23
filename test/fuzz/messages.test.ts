import { once } from 'node:events'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { z } from 'zod'
import { messageId } from '../../showcase/src/chat/contract.ts'
import { anyone, consumer, contract, type Server, sallyport } from '../../src/index.ts'
import { encodeFrame } from '../../src/wire/frame.ts'
import { against, fitting } from './from-schema.ts'

const point = z.object({ x: z.number().min(-100).max(100), y: z.number().min(-100).max(100) })
const client = {
  say: z.object({ text: z.string().trim().min(1).max(2_000) }),
  typing: z.object({}),
  move: z.object({ to: point, by: z.enum(['foot', 'boat']), via: z.array(point).max(3).optional() }),
  set: z.strictObject({ value: z.union([z.literal('none'), z.null(), z.boolean(), z.int().min(0)]) }),
  tag: z.object({ tags: z.record(z.string().max(8), z.number()), pair: z.tuple([z.string(), z.boolean()]) }),
  since: z.object({ before: messageId.optional() }),
}
const calls = {
  add: { input: z.object({ numbers: z.array(z.int().min(0).max(100)).max(5) }), output: z.int() },
}
const everything = contract('/ws/everything', { client, calls, server: { done: z.object({}) } })
const names = Object.keys(client) as readonly (keyof typeof client)[]

/** `SALLYPORT_FUZZ=20` tells so many times as many. */
const longer = Number(process.env['SALLYPORT_FUZZ'] ?? 1)
vi.setConfig({ testTimeout: 20_000 * longer })

const handled: unknown[] = []
const faults: unknown[] = []
let server: Server
let url: string

beforeAll(async () => {
  server = sallyport({
    limits: { rate: null, byteRate: null, validation: null, invalidMessages: 1e9 },
    report: (error) => faults.push(error),
  })
  server.serve(
    consumer(everything, { auth: anyone }, (socket) => {
      const handler = (type: string) => (data: unknown) => {
        handled.push([type, data])
        socket.send('done', {})
      }
      return {
        on: {
          say: handler('say'),
          typing: handler('typing'),
          move: handler('move'),
          set: handler('set'),
          tag: handler('tag'),
          since: handler('since'),
        },
        calls: {
          add: ({ numbers }) => {
            handled.push(['add', { numbers }])
            return numbers.reduce((one, other) => one + other, 0)
          },
        },
      }
    }),
  )
  url = `ws://127.0.0.1:${(await server.listen(0)).port}/ws/everything`
})
afterAll(() => server.close({ drain: 0 }))
beforeEach(() => void handled.splice(0))

interface Talk {
  /** Sends a frame, and answers with the next one that comes, as JSON. */
  ask(frame: unknown): Promise<Record<string, unknown>>
  close(): void
}

async function talk(protocols: readonly string[]): Promise<Talk> {
  const socket = new WebSocket(url, [...protocols])
  const inbox: string[] = []
  socket.on('message', (data: Buffer) => inbox.push(data.toString()))
  await once(socket, 'open')
  // greetings are no answers
  if (protocols.length > 0) await expect.poll(() => inbox.length, { interval: 1 }).toBe(2)
  inbox.length = 0
  return {
    async ask(frame) {
      socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
      while (inbox.length === 0) await once(socket, 'message')
      // our server's own frames are objects
      return JSON.parse(inbox.shift() ?? '') as Record<string, unknown>
    },
    close: () => socket.terminate(),
  }
}

const named = (of: typeof fitting): fc.Arbitrary<readonly [keyof typeof client, unknown]> =>
  fc.constantFrom(...names).chain((name) => of(client[name]).map((data) => [name, data] as const))

test('what fits its schema reaches its handler once, as the schema reads it, on the plain wire', async () => {
  const { ask, close } = await talk([])
  await fc.assert(
    fc.asyncProperty(named(fitting), async ([type, data]) => {
      expect(await ask({ ...(data as object), type })).toEqual({ type: 'done' })
      expect(handled.splice(0)).toEqual([[type, client[type].parse(data)]])
    }),
    { numRuns: 300 * longer },
  )
  close()
})

test('what does not fit its schema is 400 and reaches no handler, on the plain wire', async () => {
  const { ask, close } = await talk([])
  await fc.assert(
    fc.asyncProperty(named(against), async ([type, data]) => {
      // the plain wire is flat: what is no object has no place for its type, and `type` itself says which message it is
      const flat =
        typeof data === 'object' && data !== null && !Array.isArray(data) ? { ...data, type } : data
      fc.pre(
        typeof flat !== 'object' ||
          flat === null ||
          !('type' in flat) ||
          !client[type].safeParse(withoutType(flat)).success,
      )
      expect(await ask(JSON.stringify(flat))).toMatchObject({
        type: 'error',
        status: 400,
        code: 'invalid-message',
      })
      expect(handled).toEqual([])
    }),
    { numRuns: 300 * longer },
  )
  close()
})

function withoutType(flat: object): object {
  const { type: _, ...rest } = flat as { readonly type: unknown }
  return rest
}

test('both, in frames of sallyport.v1', async () => {
  const { ask, close } = await talk(['sallyport.v1'])
  let count = 0
  const frame = (op: 'msg' | 'call', type: string, data: unknown): unknown =>
    encodeFrame({ op, in: '/ws/everything', id: `fuzz-${++count}`, type, data })
  await fc.assert(
    fc.asyncProperty(
      fitting(calls.add.input),
      against(calls.add.input),
      named(against),
      async (fits, broken, [type, data]) => {
        const sum = calls.add.input.parse(fits).numbers.reduce((one, other) => one + other, 0)
        expect(await ask(frame('call', 'add', fits))).toMatchObject({ op: 'ok', data: sum })
        expect(handled.splice(0)).toHaveLength(1)
        const refused = { op: 'err', status: 400, code: 'invalid-message' }
        expect(await ask(frame('call', 'add', broken))).toMatchObject(refused)
        expect(await ask(frame('msg', type, data))).toMatchObject(refused)
        expect(handled).toEqual([])
      },
    ),
    { numRuns: 150 * longer },
  )
  close()
})

test('a name that no message has reaches no handler, those of a prototype among them', async () => {
  const [plain, framed] = [await talk([]), await talk(['sallyport.v1'])]
  const odd = fc.oneof(
    fc.constantFrom(
      'toString',
      'hasOwnProperty',
      '__proto__',
      'constructor',
      'valueOf',
      'error',
      'add',
      'say ',
      'SAY',
      '',
    ),
    fc.string(),
    fc.jsonValue(),
  )
  await fc.assert(
    fc.asyncProperty(odd, async (type) => {
      fc.pre(!names.includes(type as never))
      expect(await plain.ask({ type, text: 'x' })).toMatchObject({ type: 'error', status: 400 })
      expect(
        await framed.ask({ op: 'msg', in: '/ws/everything', id: 'odd', type, data: { text: 'x' } }),
      ).toMatchObject({ op: 'err', status: 400 })
      expect(handled).toEqual([])
    }),
    { numRuns: 200 * longer },
  )
  plain.close()
  framed.close()
})

test('no message was a fault', () => {
  expect(faults).toEqual([])
})
