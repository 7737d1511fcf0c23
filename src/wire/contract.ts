import { type Duration, milliseconds } from './duration.ts'
import { isBytes } from './is-bytes.ts'
import type { JsonFault, MessageFault, NameFault, PathFault } from './faults.ts'
import { type Params, type PathTemplate, pathTemplate } from './path.ts'
import { isRecord } from './json.ts'
import {
  aBoolean,
  aDuration,
  anObject,
  aString,
  assertKind,
  checkedOptions,
  either,
  type OptionKind,
  type OptionKinds,
  needed,
  oneOf,
  strings,
  wholeFrom,
} from './options.ts'
import { aSchema, check, type InputOf, isSchema, type OutputOf, type Schema } from './schema.ts'

const raw: unique symbol = Symbol('sallyport.raw')

/** A schema whose messages are sent unchanged: bytes or text, without JSON. */
export interface Raw<T, K extends 'binary' | 'text'> extends Schema<T, T> {
  readonly [raw]: K
}

/**
 * What to do for a reader that is too slow: close it (4508), drop this message, or keep only the latest
 * message of each key.
 */
export type SlowPolicy = 'close' | 'drop' | 'latest'

/** How a message of the server is sent. */
export interface EventRules {
  /** Whether it is kept in the history of the contract, if that has one; by default it is. */
  readonly keep?: boolean
  /** What happens to a slow reader; by default `'close'`. */
  readonly slow?: SlowPolicy
}

/** A server message with rules of its own. */
export interface EventShape<S extends Schema = Schema> {
  readonly schema: S
  readonly rules: EventRules
}

/** Named messages: each name with its schema or event. */
export type Named = { readonly [type: string]: Schema | EventShape }
/** The messages of one direction: named messages, or one unnamed shape. */
export type Direction = Schema | Named
/** Calls: each name with its input and output. */
export type Calls = { readonly [name: string]: { readonly input: Schema; readonly output: Schema } }
/** The schema of one named entry. */
export type SchemaOf<E> = E extends EventShape<infer S> ? S : E extends Schema ? E : never

type IsRaw<E> =
  SchemaOf<E> extends Raw<never, 'binary' | 'text'> | Raw<Uint8Array, 'binary'> | Raw<string, 'text'>
    ? true
    : false

/** `T` if there is no fault, otherwise the fault as a sentence: the type that an argument must satisfy. */
type CheckedShape<T, Fault> = [Fault] extends [never] ? T : Fault

type SoundName<A> = A extends unknown ? CheckedShape<A, NameFault<A>> : never

/** What a direction must satisfy. A fault is told as a sentence. */
export type Fit<D> = D extends Schema
  ? CheckedShape<D, IsRaw<D> extends true ? never : JsonFault<InputOf<D>>>
  : {
      [K in keyof D]: CheckedShape<
        D[K],
        NameFault<K> | (IsRaw<D[K]> extends true ? never : MessageFault<InputOf<SchemaOf<D[K]>>>)
      >
    }

/** What calls must satisfy: their data is JSON too. */
export type FitCalls<K> = {
  [N in keyof K]: CheckedShape<
    K[N],
    | NameFault<N>
    | (K[N] extends Calls[string]
        ? JsonFault<InputOf<K[N]['input']>> | JsonFault<InputOf<K[N]['output']>>
        : never)
  >
}

/** What a schema must satisfy whose output is told to clients: of a grant, or of presence. */
export type FitClientView<R> = R extends Schema ? CheckedShape<R, JsonFault<OutputOf<R>>> : R

/** How many messages of a group are kept. */
export interface HistoryRules {
  /** At most this many messages for each group; by default 100. */
  readonly size?: number
  /** For this long; by default 5 minutes. */
  readonly for?: Duration
}

/** A contract: what both sides agree on. Plain data, made by {@link contract}. */
export interface Contract<
  P extends string = string,
  C extends Direction = Direction,
  S extends Direction = Direction,
  K extends Calls = Calls,
  A extends string = string,
  R extends Schema | undefined = Schema | undefined,
> {
  readonly path: P
  readonly client: C
  readonly server: S
  readonly calls: K
  readonly audiences: readonly A[]
  readonly grant: R
  readonly presence: Schema | undefined
  readonly history: { readonly size: number; readonly forMs: number } | undefined
  /** The path, parsed. */
  readonly template: PathTemplate
}

/** Any contract: the bound of a type parameter that stands for one. */
export type AnyContract = Contract

/** The parts of a contract beside its path. */
export interface Shapes<C, S, K, A, R, W> {
  /** What clients may send; always validated. */
  readonly client?: Fit<C> & C
  /** What the server sends; typed, validated in tests. */
  readonly server?: Fit<S> & S
  /** The calls that clients may make, each with input and output. */
  readonly calls?: FitCalls<K> & K
  /** Named parts of a group, such as the panels of a dashboard. */
  readonly audiences?: readonly SoundName<A>[]
  /** The part of the grant that the client is told; no other part is sent. */
  readonly grant?: FitClientView<R> & R
  /** What members are told about each other. */
  readonly presence?: FitClientView<W> & W
  readonly history?: HistoryRules
}

/** A message as it arrives: flat, with its type in `type`; raw ones in `data`; an unnamed shape unchanged. */
export type Incoming<D> = D extends Schema
  ? OutputOf<D>
  : {
      [K in keyof D & string]: IsRaw<D[K]> extends true
        ? { readonly type: K; readonly data: OutputOf<SchemaOf<D[K]>> }
        : { readonly type: K } & OutputOf<SchemaOf<D[K]>>
    }[keyof D & string]

/** The arguments of `send`: type and data, or data alone for an unnamed shape; then options. */
export type Outgoing<D, O> = D extends Schema
  ? [data: InputOf<D>, options?: O]
  : { [K in keyof D & string]: [type: K, data: InputOf<SchemaOf<D[K]>>, options?: O] }[keyof D & string]

/** The path parameters; may be left out for a path without parameters. */
export type ParamsArg<P extends string> = {} extends Params<P> ? [params?: {}] : [params: Params<P>]

/** Bytes, sent unchanged in a binary frame. */
export const binary: Raw<Uint8Array, 'binary'> = rawSchema('binary', isBytes)
/** Text, sent unchanged in a text frame without JSON. */
export const text: Raw<string, 'text'> = rawSchema('text', (value) => typeof value === 'string')

function rawSchema<T, K extends 'binary' | 'text'>(kind: K, fits: (value: unknown) => boolean): Raw<T, K> {
  return {
    [raw]: kind,
    '~standard': {
      version: 1,
      vendor: 'sallyport',
      // `fits` has just checked that the value is a T
      validate: (value) =>
        fits(value) ? { value: value as T } : { issues: [{ message: `expected ${kind}` }] },
    },
  }
}

/** `'binary'` or `'text'` for the two raw schemas, `null` for JSON. */
export function rawKind(schema: Schema): 'binary' | 'text' | null {
  // only rawSchema sets this symbol, and always to one of the two
  return raw in schema ? (schema[raw] as 'binary' | 'text') : null
}

/**
 * A server message with rules of its own.
 *
 * @throws TypeError when the schema is none, or a rule is unknown or malformed
 * @example event(z.object({ from: z.string().max(64) }), { keep: false, slow: 'drop' })
 */
export function event<S extends Schema>(schema: S, rules: EventRules): EventShape<S> {
  assertKind('the schema of an event()', schema, aSchema)
  return { schema, rules: checkedOptions('event()', rules, ruleKinds) }
}

/** The schema and the rules of one message of a direction, or `null` where the contract has no such message. */
export function shapeOf(direction: Direction, type: string | null): EventShape | null {
  if (isSchema(direction)) return type === null ? { schema: direction, rules: noRules } : null
  if (type === null || !Object.hasOwn(direction, type)) return null
  const entry = direction[type]
  if (entry === undefined) return null
  return isSchema(entry) ? { schema: entry, rules: noRules } : entry
}

const noRules: EventRules = {}

/**
 * A contract: path, messages in both directions, calls, audiences, what travels of a grant, presence and history.
 * Shared by server, browser, tests and documentation.
 *
 * @param path the whole URL path; only `:name` segments are parameters, a trailing slash counts
 * @throws TypeError when a name is reserved or malformed, an option unknown or malformed, or a schema asynchronous
 * @example
 * export const chat = contract('/ws/chat/:room', {
 *   client: { say: z.object({ text: z.string().max(2000) }) },
 *   server: { said: z.object({ from: z.string().max(64), text: z.string().max(2000) }) },
 * })
 */
export function contract<
  const P extends string,
  C extends Direction = {},
  S extends Direction = {},
  K extends Calls = {},
  const A extends string = never,
  R extends Schema | undefined = undefined,
  W extends Schema | undefined = undefined,
>(path: CheckedShape<P, PathFault<P>>, shapes: Shapes<C, S, K, A, R, W>): Contract<P, C, S, K, A, R> {
  assertKind('the path of a contract', path, aString)
  const checked = checkedOptions(`the contract '${path}'`, shapes, shapeKinds)
  // a contract that compiles has no fault in its path, nor in the names of its audiences
  const [source, audiences] = [path as P, (checked.audiences ?? []) as readonly A[]]
  const { grant, presence, history } = checked
  const template = pathTemplate(source)
  const [client, server] = [
    checkedDirection(source, checked.client),
    checkedDirection(source, checked.server),
  ]
  const calls =
    checked.calls &&
    checkedEach(checked.calls, (name, call: Calls[string]) => checkedCall(source, name, call))
  for (const name of audiences) checkName(source, name)
  for (const schema of [grant, presence]) if (schema !== undefined) refuseAsync(schema)
  return {
    path: source,
    // each default is the very `{}` or `undefined` that the type parameter defaults to
    client: (client ?? {}) as C,
    server: (server ?? {}) as S,
    calls: (calls ?? {}) as K,
    audiences,
    grant: grant as R,
    presence,
    history: history && historyOf(source, history),
    template,
  }
}

const shapeKinds: OptionKinds<Shapes<never, never, never, never, never, never>> = {
  client: aDirection(),
  server: aDirection(),
  calls: anObject,
  audiences: strings,
  grant: aSchema,
  presence: aSchema,
  history: anObject,
}
const callKinds: OptionKinds<Calls[string]> = { input: needed(aSchema), output: needed(aSchema) }
const historyKinds: OptionKinds<HistoryRules> = { size: wholeFrom(1), for: aDuration }
const ruleKinds: OptionKinds<EventRules> = { keep: aBoolean, slow: oneOf('close', 'drop', 'latest') }
const eventKinds: OptionKinds<EventShape> = { schema: needed(aSchema), rules: needed(anObject) }

/** What a contract is told by: `contract()` has made it. */
export const aContract: OptionKind = {
  wanted: 'a contract, made by contract()',
  is: (value) => isRecord(value) && isRecord(value['template']),
}

function aDirection(): OptionKind {
  return either(aSchema, { wanted: 'an object of named messages', is: anObject.is })
}

/** What was named, each read once, here: what a getter answers later is not what was checked. */
function checkedEach<E, T extends { readonly [name: string]: E }>(
  shapes: T,
  checkedOne: (name: string, one: E) => E,
): T {
  const entries = Object.entries<E>(shapes).map(([name, one]) => [name, checkedOne(name, one)])
  // each of the names of `shapes`, with what was checked of it
  return Object.fromEntries(entries) as T
}

function historyOf(path: string, history: HistoryRules): Contract['history'] {
  const { size = 100, for: span = '5m' } = checkedOptions(
    `'history' of the contract '${path}'`,
    history,
    historyKinds,
  )
  return { size, forMs: milliseconds(span) }
}

function checkedDirection<D extends Direction>(path: string, direction: D | undefined): D | undefined {
  if (direction === undefined) return undefined
  // what is no schema is an object of named messages
  if (!isSchema(direction))
    return checkedEach(direction as D & Named, (type, entry: Named[string]) =>
      checkedEntry(path, type, entry),
    )
  refuseAsync(direction)
  return direction
}

function checkedEntry(path: string, type: string, entry: Schema | EventShape): Schema | EventShape {
  checkName(path, type)
  const where = `the message '${type}' of the contract '${path}'`
  const checked = isSchema(entry) ? entry : checkedOptions(where, entry, eventKinds)
  refuseAsync(isSchema(checked) ? checked : checked.schema)
  return isSchema(checked) ? checked : { ...checked, rules: checkedOptions(where, checked.rules, ruleKinds) }
}

function checkedCall(path: string, name: string, call: Calls[string]): Calls[string] {
  checkName(path, name)
  const where = `the call '${name}' of the contract '${path}'`
  const checked = checkedOptions(where, call, callKinds)
  for (const schema of [checked.input, checked.output]) {
    if (rawKind(schema) !== null)
      throw new TypeError(`${where} is JSON: bytes and raw text are messages of their own`)
    refuseAsync(schema)
  }
  return checked
}

function checkName(path: string, name: string): void {
  if (name === 'error')
    throw new TypeError(`the contract '${path}' may not use the name 'error': it is reserved for denials`)
  if (/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(name)) return
  throw new TypeError(
    `'${name}' in the contract '${path}' is no name: a letter, then letters, digits, '_', '.' and '-', 64 at most`,
  )
}

/** Says already at start what `check` would say at the first message, for validators that are always asynchronous. */
function refuseAsync(schema: Schema): void {
  try {
    check(schema, undefined)
  } catch (error) {
    if (error instanceof TypeError && error.message.includes('synchronous')) throw error
  }
}
