import type { ClientSide, ClientReceiver } from '../transports/memory.ts'
import { bodyOf, type Payload } from '../wire/body.ts'
import { type Contract, shapeOf } from '../wire/contract.ts'
import { Denial, SallyportError } from '../wire/errors.ts'
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  type PresentMember,
  type RawFrame,
  type ServerFrame,
} from '../wire/frame.ts'
import { isBytes } from '../wire/is-bytes.ts'
import { isRecord } from '../wire/json.ts'
import {
  assertKind,
  checkedOptions,
  aString,
  aText,
  having,
  type OptionKind,
  type OptionKinds,
  orUndefined,
  wholeFrom,
} from '../wire/options.ts'
import { isSchema } from '../wire/schema.ts'
import { settled } from './clock.ts'

interface WaitingReader {
  readonly fits: (message: Got) => boolean
  readonly take: (message: Got) => void
}

interface Got {
  readonly type: string | null
  readonly data: unknown
}

/** A server's request for a new credential. */
export interface Ask {
  readonly nonce: string
  /** For how long the credential in use is still valid. */
  readonly withinMs: number
}

/** A server's answer to a new credential. */
export type RefreshAnswer = Extract<ServerFrame, { readonly op: 'auth' }>

/** The members in `opened` and `presence`: all members, changes, or only their number. */
interface PresenceFields {
  readonly count?: number
  readonly members?: readonly PresentMember[]
  readonly joins?: readonly PresentMember[]
  readonly leaves?: readonly string[]
}

interface CallOptions {
  readonly signal?: AbortSignal
}

const callKinds: OptionKinds<CallOptions> = {
  signal: orUndefined(having('addEventListener')),
}
const aPayload: OptionKind = { wanted: 'a string or bytes', is: (value) => aText.is(value) || isBytes(value) }
const patienceMs = 1_000

/**
 * A client in a test, without the types of its contract. It speaks `sallyport.v1` over a connection in
 * memory, and keeps what has arrived.
 */
export class TestSocket implements ClientReceiver {
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly opened: Promise<void>
  grant: unknown
  members: readonly PresentMember[] = []
  count = 0
  readonly refreshes: RefreshAnswer[] = []
  clientSide: ClientSide | null = null
  readonly #contract: Contract
  readonly #path: string
  readonly #refresh: (ask: Ask) => string | null
  readonly #got: Got[] = []
  readonly #waiting = new Set<WaitingReader>()
  readonly #requests = new Map<string, { resolve: (data: unknown) => void; reject: (error: Error) => void }>()
  #count = 0
  #open: () => void = () => {}
  #close: (end: { code: number; reason: string }) => void = () => {}

  constructor(contract: Contract, path: string, refresh: (ask: Ask) => string | null) {
    this.#refresh = refresh
    this.#contract = contract
    this.#path = path
    this.opened = new Promise((resolve) => (this.#open = resolve))
    this.closed = new Promise((resolve) => (this.#close = resolve))
  }

  send(...args: readonly unknown[]): Promise<void> {
    return leftAlone(this.#send(args))
  }

  async #send(args: readonly unknown[]): Promise<void> {
    const unnamed = isSchema(this.#contract.client)
    const type = unnamed ? null : String(args[0])
    const shape = shapeOf(this.#contract.client, type)
    if (shape === null) throw new TypeError(`the contract has no client message '${String(type)}'`)
    const body = bodyOf(shape.schema, unnamed ? args[0] : args[1])
    await this.#ask((id) => encodeMessage({ in: this.#path, type, id }, body))
  }

  call(name: string, input: unknown, options?: CallOptions): Promise<unknown> {
    return leftAlone(this.#call(name, input, options))
  }

  async #call(name: string, input: unknown, options: CallOptions = {}): Promise<unknown> {
    assertKind('the name of call()', name, aString)
    options = checkedOptions('call()', options, callKinds)
    const { signal } = options
    return this.#ask((id) => {
      signal?.addEventListener('abort', () => this.raw(encodeFrame({ op: 'cancel', in: this.#path, id })))
      return encodeFrame({ op: 'call', in: this.#path, id, type: name, data: input })
    })
  }

  async next(type?: string): Promise<unknown> {
    assertKind('the type of next()', type, orUndefined(aString))
    const got = await this.#next((message) => type === undefined || message.type === type, type)
    if (type !== undefined || got.type === null || !isRecord(got.data))
      return type === undefined && got.type !== null ? { type: got.type, data: got.data } : got.data
    return { type: got.type, ...got.data }
  }

  async nothing(): Promise<void> {
    await settled()
    const [first] = this.#got
    if (first !== undefined) throw new Error(`expected nothing, but received ${JSON.stringify(first)}`)
  }

  raw(payload: Payload): void {
    assertKind('the payload of raw()', payload, aPayload)
    this.clientSide?.send(payload)
  }

  leave(code = 1000): void {
    assertKind('the code of leave()', code, wholeFrom(1000))
    this.clientSide?.close(code, '')
  }

  cut(): void {
    this.clientSide?.cut()
  }

  message(payload: Payload): void {
    // a server of this library has written it
    const reading = decodeFrame(payload, Infinity)
    if (reading.ok) this.#obey(reading.frame)
  }

  #obey(frame: RawFrame): void {
    const { op } = frame
    if (op === 'opened') this.#enter(frame)
    else if (op === 'msg')
      this.#take({ type: typeof frame['type'] === 'string' ? frame['type'] : null, data: frame['data'] })
    else if (op === 'presence') this.#presence(frame)
    else if (op === 'changed') this.grant = frame['grant']
    else if (op === 'ping') this.raw(encodeFrame({ op: 'pong' }))
    else if (op === 'ok' || op === 'err') this.#answer(frame)
    else if (op === 'ask') this.#answerAsk(frame)
    // a server of this library has written the frame
    else if (op === 'auth') this.refreshes.push(frame as unknown as RefreshAnswer)
  }

  #enter(frame: RawFrame): void {
    this.grant = frame['grant']
    this.#presence(frame)
    this.#open()
  }

  #answerAsk(frame: RawFrame): void {
    // a server of this library has written the frame
    const { nonce, withinMs } = frame as unknown as Ask
    const token = this.#refresh({ nonce, withinMs })
    if (token !== null) this.raw(encodeFrame({ op: 'auth', nonce, token }))
  }

  #presence(frame: RawFrame): void {
    // a server of this library has written the frame
    const { count, members, joins = [], leaves = [] } = frame as unknown as PresenceFields
    const next = new Map((members ?? (count === undefined ? this.members : [])).map((one) => [one.user, one]))
    for (const user of leaves) next.delete(user)
    for (const one of joins) next.set(one.user, one)
    this.members = [...next.values()]
    this.count = count ?? this.members.length
  }

  #take(message: Got): void {
    for (const waiting of this.#waiting) {
      if (!waiting.fits(message)) continue
      this.#waiting.delete(waiting)
      return waiting.take(message)
    }
    this.#got.push(message)
  }

  #next(fits: WaitingReader['fits'], wanted: string | undefined): Promise<Got> {
    const index = this.#got.findIndex(fits)
    const [ready] = index === -1 ? [] : this.#got.splice(index, 1)
    if (ready !== undefined) return Promise.resolve(ready)
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(waiting)
        reject(
          new Error(
            `no ${wanted === undefined ? 'message' : `'${wanted}'`} came within ${patienceMs} ms; waiting are ${JSON.stringify(this.#got)}`,
          ),
        )
      }, patienceMs)
      const waiting: WaitingReader = { fits, take: (message) => (clearTimeout(late), resolve(message)) }
      this.#waiting.add(waiting)
    })
  }

  #ask(encode: (id: string) => Payload): Promise<unknown> {
    const id = `test-${++this.#count}`
    const answer = new Promise((resolve, reject) => this.#requests.set(id, { resolve, reject }))
    this.raw(encode(id))
    return answer
  }

  #answer(frame: RawFrame): void {
    const request = this.#requests.get(String(frame['id']))
    if (request === undefined) return this.#take({ type: 'error', data: frame })
    this.#requests.delete(String(frame['id']))
    if (frame.op === 'ok') return request.resolve(frame['data'])
    const { status, code, message } = frame
    request.reject(new Denial(Number(status), String(code), String(message)))
  }

  ended(code: number, reason: string): void {
    for (const { reject } of this.#requests.values())
      reject(new SallyportError('ERR_CLOSED', 'the socket has ended'))
    this.#requests.clear()
    this.#close({ code, reason })
  }
}

/** Lets the rejection of a send pass that a test does not await. */
function leftAlone<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
