// What a contract may hold, and the sentence that the compiler says of what it may not: sentences.test.ts reads them here.
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { binary, contract, event, text } from '../../src/index.ts'

// ── compiles ──
interface Tree {
  readonly children: readonly Tree[]
}
const tree: z.ZodType<Tree> = z.lazy(() => z.object({ children: z.array(tree) }))
const isoDate = z.codec(z.iso.datetime(), z.date(), {
  decode: (said) => new Date(said),
  encode: (date) => date.toISOString(),
})
export const all = contract('/a/:room_1/b-c.d~e/', {
  client: {
    'a.b-c_1': z.object({ at: z.coerce.date(), big: z.string().transform(BigInt), maybe: z.string().optional() }),
    any: z.any(),
    unknown: z.unknown(),
    tree,
    json: z.object({ of: z.json(), brand: z.string().brand<'id'>(), codec: isoDate }),
    valibot: v.object({ at: v.pipe(v.string(), v.transform((said) => new Date(said))) }),
    arktype: type({ at: 'string.date.parse' }),
  },
  server: {
    raw: binary,
    rawText: event(text, {}),
    union: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('a') }),
      z.object({ kind: z.literal('b'), n: z.number().nullable() }),
    ]),
    loose: z.looseObject({ a: z.string() }),
    record: z.record(z.string(), z.tuple([z.string(), z.enum(['a', 'b'])])),
  },
  calls: { nothing: { input: z.void(), output: z.undefined() }, list: { input: z.string(), output: z.array(tree) } },
  audiences: ['a', 'b'],
  grant: z.object({ at: z.date().transform((date) => date.toISOString()) }),
  presence: z.object({ name: z.string() }),
})
export const audiences: readonly ('a' | 'b')[] = all.audiences
export const unnamed = contract('/b', { client: z.string(), server: z.array(z.json()) })
declare const some: string
export const dynamic = contract(some, { audiences: [some], client: { [some]: z.object({}) } })

// ── names ──
// @ts-expect-error a contract's path begins with '/'
contract('a', {})
// @ts-expect-error a path parameter is ':' and a letter or '_', then letters, digits and '_'
contract('/a/:b:c', {})
// @ts-expect-error a path parameter is ':' and a letter or '_', then letters, digits and '_'
contract('/a/:', {})
// @ts-expect-error a segment of a path holds letters, digits, '.', '_', '~' and '-', or is ':name'
contract('/a b', {})
// @ts-expect-error a name is a letter, then letters, digits, '_', '.' and '-'
contract('/a', { audiences: ['ok', 'a:b'] })
// @ts-expect-error a name is a letter, then letters, digits, '_', '.' and '-'
contract('/a', { client: { 'a:b': z.object({}) } })
// @ts-expect-error a name is a letter, then letters, digits, '_', '.' and '-'
contract('/a', { server: { 'a/b': z.object({}) } })
// @ts-expect-error a name is a letter, then letters, digits, '_', '.' and '-'
contract('/a', { calls: { '1st': { input: z.string(), output: z.string() } } })
// @ts-expect-error the name 'error' is reserved for denials
contract('/a', { server: { error: z.object({}) } })

// ── what JSON changes ──
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { server: { x: z.object({ at: z.date() }) } })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { server: { x: v.object({ at: v.date() }) } })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { server: { x: type({ at: 'Date' }) } })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { client: z.date() })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { calls: { x: { input: z.object({ at: z.date() }), output: z.string() } } })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { grant: z.object({ at: z.date() }) })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { presence: z.object({ at: z.coerce.date() }) })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { server: { x: z.object({ all: z.record(z.string(), z.date()) }) } })
// @ts-expect-error JSON turns a Date into a string: send a string or a number, such as z.iso.datetime()
contract('/a', { server: { x: z.object({ pair: z.tuple([z.string(), z.date()]) }) } })
// @ts-expect-error JSON empties a Map and a Set: send an array or an object
contract('/a', { server: { x: event(z.object({ a: z.array(z.object({ b: z.map(z.string(), z.number()) })) }), {}) } })
// @ts-expect-error JSON empties a Map and a Set: send an array or an object
contract('/a', { client: { x: z.object({ of: z.set(z.string()).optional() }) } })
// @ts-expect-error JSON cannot hold a bigint: send a string
contract('/a', { client: { x: z.object({ n: z.bigint() }) } })
// @ts-expect-error JSON cannot hold bytes: make them a message of their own with binary, or send base64 text
contract('/a', { client: { x: z.object({ bytes: z.instanceof(Uint8Array) }) } })
// @ts-expect-error JSON cannot hold bytes: make them a message of their own with binary, or send base64 text
contract('/a', { calls: { x: { input: z.string(), output: binary } } })
// @ts-expect-error JSON turns undefined in an array into null: send null
contract('/a', { client: { x: z.object({ all: z.array(z.string().optional()) }) } })
// @ts-expect-error JSON replaces an object that has a toJSON(): send the result of toJSON()
contract('/a', { server: { x: z.object({ url: z.instanceof(URL) }) } })
// @ts-expect-error JSON drops functions and symbols: leave it out of the message
contract('/a', { server: { x: z.object({ run: z.custom<() => void>() }) } })

// ── what a named message is ──
// @ts-expect-error a named message cannot have a field called type
contract('/a', { server: { x: z.union([z.object({ a: z.string() }), z.object({ type: z.string() })]) } })
// @ts-expect-error a named message must be an object
contract('/a', { server: { x: z.union([z.object({}), z.string()]) } })
// @ts-expect-error a named message must be an object
contract('/a', { server: { x: z.object({}).nullable() } })
// @ts-expect-error a named message must be an object
contract('/a', { server: { x: z.object({}).optional() } })
