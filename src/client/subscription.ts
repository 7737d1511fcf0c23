import { binaryFrame, encodeFrame, type PresentMember, type RawFrame } from '../wire/frame.ts'
import { SallyportError } from '../wire/errors.ts'
import { isBytes } from '../wire/is-bytes.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import type { Payload } from '../wire/body.ts'
import {
  aDuration,
  aFunction,
  assertKind,
  checkedOptions,
  aText,
  having,
  type OptionKinds,
  orUndefined,
} from '../wire/options.ts'
import { Reconnector, type ReconnectorListener, type Settings, type Status } from './reconnector.ts'
import { presenceAfter } from './members.ts'
import type { SendOptions, Snapshot, State } from './channel.ts'
import { Outbox, type QueueBound } from './outbox.ts'
import { denialOf } from './refusal.ts'

/** What a subscription needs. */
export interface SubscriptionParts {
  readonly path: string
  /** Whether the messages of clients are unnamed. */
  readonly unnamed: boolean
  readonly settings: Settings
  /** The bounds of the messages that wait while the channel is not open. */
  readonly queue: QueueBound
  /** How long an answer may take by default. */
  readonly timeout: Duration
  /** A message id that is never used again. */
  nextId(): string
  /** Called when the subscription has ended. */
  ended(): void
}

type MessageListener = (data: unknown) => unknown

const first: Snapshot = Object.freeze({
  state: 'connecting',
  retryAt: null,
  denial: null,
  failure: null,
  grant: undefined,
  members: Object.freeze([]),
  count: 0,
})

/**
 * One endpoint that was opened: its state, its handlers, its pending requests. `Channel` is its form for the
 * application, with the types of its contract.
 */
export class Subscription implements Snapshot, ReconnectorListener {
  readonly path: string
  readonly #parts: SubscriptionParts
  readonly #connection: Reconnector
  readonly #outbox: Outbox
  readonly #handlers = new Map<string, Set<MessageListener>>()
  readonly #listeners = new Set<() => void>()
  #now: Snapshot = first

  /** @throws TypeError when the client's url is malformed */
  constructor(parts: SubscriptionParts) {
    const { path, settings, queue } = parts
    this.path = path
    this.#parts = parts
    this.#connection = new Reconnector(path, settings, this)
    this.#outbox = new Outbox({
      clock: settings.clock,
      bound: queue,
      clogged: () => this.#connection.isFull,
      write: (payload) => this.#connection.write(payload),
    })
    this.#connection.start()
  }

  get state(): State {
    return this.#now.state
  }

  get retryAt(): Snapshot['retryAt'] {
    return this.#now.retryAt
  }

  get denial(): Snapshot['denial'] {
    return this.#now.denial
  }

  get failure(): Snapshot['failure'] {
    return this.#now.failure
  }

  get grant(): unknown {
    return this.#now.grant
  }

  get members(): readonly PresentMember[] {
    return this.#now.members
  }

  get count(): number {
    return this.#now.count
  }

  readonly snapshot = (): Snapshot => this.#now

  readonly subscribe = (listener: () => void): (() => void) => {
    assertKind('the argument of subscribe()', listener, aFunction)
    // a listener that is given twice is called twice, and each can be stopped separately
    const one = (): void => listener()
    this.#listeners.add(one)
    return () => void this.#listeners.delete(one)
  }

  on(type: string, handler: MessageListener): () => void {
    assertKind('the message of on()', type, aText)
    assertKind('the handler of on()', handler, aFunction)
    const one: MessageListener = (data) => handler(data)
    const handlers = this.#handlers.get(type) ?? new Set()
    this.#handlers.set(type, handlers.add(one))
    return () => void handlers.delete(one)
  }

  send(...args: readonly unknown[]): Promise<void> {
    return optional(this.#send(args).then(() => undefined))
  }

  call(name: string, input: unknown, options?: SendOptions): Promise<unknown> {
    return optional(this.#call(name, input, options))
  }

  close(): void {
    if (this.state !== 'closed' && this.state !== 'denied') this.#connection.close()
  }

  /** Called by the connection. */
  status(status: Status): void {
    const over = status.state === 'denied' || status.state === 'closed'
    if (!over) this.#outbox.broke()
    else this.#outbox.end('denial' in status ? denialOf(status.denial) : closedForGood())
    this.#change({
      retryAt: null,
      denial: null,
      failure: this.#now.failure,
      ...status,
      ...(over ? { grant: undefined, members: first.members, count: 0 } : {}),
    })
    if (over) this.#parts.ended()
  }

  /** Called by the connection. */
  frame(frame: RawFrame): void {
    if (frame.op === 'bye') return this.#outbox.hold()
    if (frame['in'] !== this.path) return
    switch (frame.op) {
      case 'opened':
        return this.#opened(frame)
      case 'msg':
        return this.#message(frame)
      case 'ok':
      case 'err':
        return this.#outbox.answered(frame)
      case 'presence':
        return this.#change(presenceAfter(this.members, frame))
      case 'changed':
        return this.#change({ grant: frame['grant'] })
    }
  }

  #opened(frame: RawFrame): void {
    this.#change({
      state: 'open',
      failure: null,
      grant: frame['grant'],
      ...presenceAfter(first.members, frame),
    })
    this.#outbox.open()
  }

  #message({ type = 'message', data }: RawFrame): void {
    for (const handler of Array.from(this.#handlers.get(String(type)) ?? [])) safely(() => handler(data))
  }

  // these two are async so that wrong arguments, and data that cannot be sent, become rejections too; neither
  // awaits, so neither keeps the data
  async #send(args: readonly unknown[]): Promise<unknown> {
    const [type, data, options] = this.#parts.unnamed ? [undefined, ...args] : args
    if (!this.#parts.unnamed) assertKind('the message of send()', type, aText)
    const patience = patienceOf('send()', options)
    const id = this.#parts.nextId()
    // looked at above
    const payload = this.#encode(id, type as string | undefined, data)
    return this.#request(id, payload, null, patience)
  }

  async #call(name: string, input: unknown, options?: SendOptions): Promise<unknown> {
    assertKind('the name of call()', name, aText)
    const patience = patienceOf('call()', options)
    const id = this.#parts.nextId()
    const payload = encodeFrame({ op: 'call', in: this.path, id, type: name, data: input })
    return this.#request(id, payload, encodeFrame({ op: 'cancel', in: this.path, id }), patience)
  }

  #encode(id: string, type: string | undefined, data: unknown): Payload {
    const head = { op: 'msg', in: this.path, id, ...(type === undefined ? {} : { type }) }
    return isBytes(data) ? binaryFrame(JSON.stringify(head), data) : JSON.stringify({ ...head, data })
  }

  #request(
    id: string,
    payload: Payload,
    cancel: Payload | null,
    { signal, timeout = this.#parts.timeout }: SendOptions,
  ): Promise<unknown> {
    return this.#outbox.add({ id, payload, cancel, signal, timeoutMs: milliseconds(timeout) })
  }

  #change(changes: Partial<Snapshot>): void {
    this.#now = Object.freeze({ ...this.#now, ...changes })
    for (const listener of Array.from(this.#listeners)) safely(listener)
  }
}

const patienceKinds: OptionKinds<SendOptions> = {
  signal: orUndefined(having('addEventListener')),
  timeout: orUndefined(aDuration),
}

function patienceOf(where: string, options: unknown = {}): SendOptions {
  // a checked value has no other options
  return checkedOptions(where, options as SendOptions, patienceKinds)
}

/**
 * Runs a callback of the application. Its error becomes an uncaught error of the application, and does not
 * stop the client.
 */
function safely(run: () => unknown): void {
  try {
    run()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/**
 * A promise whose rejection may stay unhandled: a message that is sent without `await` must not end a Node
 * process when the server restarts. A caller that awaits gets the rejection.
 */
function optional<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function closedForGood(): SallyportError {
  return new SallyportError('ERR_CLOSED', 'the endpoint is closed: open it again to send')
}
