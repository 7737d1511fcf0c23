import type { Payload } from '../wire/body.ts'
import { SallyportError } from '../wire/errors.ts'
import type { RawFrame } from '../wire/frame.ts'
import type { Clock } from '../wire/clock.ts'
import { denialOf, refusalOf } from './refusal.ts'

/** A message or a call on its way. */
export interface PendingRequest {
  readonly id: string
  readonly payload: Payload
  /** What takes it back: a call can be cancelled, a message cannot. */
  readonly cancel: Payload | null
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

interface SentRequest {
  readonly cancel: Payload | null
  /** The frame to write; `null` once it was written and only its answer is missing. */
  payload: Payload | null
  settle(error: unknown, data?: unknown): void
}

/** What may wait while nothing is open. */
export interface QueueBound {
  readonly messages: number
  /** Bytes; a text has one for each UTF-16 code unit. A message that waits alone may be larger. */
  readonly bytes: number
}

/** What an outbox is made of. */
export interface OutboxParts {
  readonly clock: Clock
  readonly bound: QueueBound
  /** Whether the connection takes no more at the moment. */
  clogged(): boolean
  /** @returns false when the payload is larger than the server takes */
  write(payload: Payload): boolean
}

/**
 * The messages and calls without an answer. A message that was never written waits for the next connection,
 * in order and with its id. A message that was written when its connection broke is rejected: its outcome is
 * unknown.
 */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #pending = new Map<string, SentRequest>()
  /** Of those that were never written. */
  #waiting = 0
  #waitingBytes = 0
  #open = false
  #ended: Error | null = null

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  /**
   * Takes a request; resolves with the data of its `ok`.
   *
   * @throws Denial when the server refuses it; SallyportError ERR_TIMEOUT, ERR_CLOSED, ERR_QUEUE_FULL or
   * ERR_INVALID_MESSAGE (larger than the server takes); the reason of its signal. All as a rejection.
   */
  add(request: PendingRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(this.#ended)
      if (request.signal?.aborted === true) return reject(request.signal.reason)
      if (this.#isFull(request.payload.length)) return reject(queueFull())
      const pending = this.#take(request, resolve, reject)
      if (this.#open) this.#write(pending)
    })
  }

  /** Something is open: writes what has waited. */
  open(): void {
    this.#open = true
    for (const pending of this.#pending.values()) this.#write(pending)
  }

  /** The server reads no more: what comes now waits for the next line. */
  hold(): void {
    this.#open = false
  }

  /** The connection broke. */
  broke(): void {
    this.#open = false
    for (const pending of this.#pending.values())
      if (pending.payload === null) pending.settle(unknownOutcome())
  }

  /** Nothing will be open any more: everything is rejected, now and later. */
  end(error: Error): void {
    this.broke()
    this.#ended = error
    for (const pending of this.#pending.values()) pending.settle(error)
  }

  /** An `ok` or an `err`. */
  answered(frame: RawFrame): void {
    const { id, op, data } = frame
    const pending = typeof id === 'string' ? this.#pending.get(id) : undefined
    pending?.settle(op === 'err' ? denialOf(refusalOf(frame)) : null, data)
  }

  #isFull(bytes: number): boolean {
    const { bound, clogged } = this.#parts
    if (this.#open) return clogged()
    return this.#waiting > 0 && (this.#waiting >= bound.messages || this.#waitingBytes + bytes > bound.bytes)
  }

  #take(
    request: PendingRequest,
    resolve: (data: unknown) => void,
    reject: (error: unknown) => void,
  ): SentRequest {
    // the closures below keep every variable of this scope in memory, so only the pending message may hold
    // the payload
    const { id, signal, timeoutMs, cancel } = request
    const giveUp = (error: unknown): void => {
      if (pending.payload === null && cancel !== null) this.#parts.write(cancel)
      pending.settle(error)
    }
    const aborted = (): void => giveUp(signal?.reason)
    const timer = this.#parts.clock.after(timeoutMs, () =>
      giveUp(timedOut(timeoutMs, pending.payload === null)),
    )
    const pending: SentRequest = {
      cancel,
      payload: request.payload,
      settle: (error, data) => {
        timer.cancel()
        signal?.removeEventListener('abort', aborted)
        this.#pending.delete(id)
        this.#letGo(pending)
        if (error === null) resolve(data)
        else reject(error)
      },
    }
    signal?.addEventListener('abort', aborted)
    this.#pending.set(id, pending)
    this.#waiting++
    this.#waitingBytes += request.payload.length
    return pending
  }

  #write(pending: SentRequest): void {
    if (pending.payload === null) return
    if (this.#parts.write(pending.payload)) this.#letGo(pending)
    else pending.settle(tooLarge())
  }

  /** It waits no more. */
  #letGo(pending: SentRequest): void {
    if (pending.payload === null) return
    this.#waiting--
    this.#waitingBytes -= pending.payload.length
    pending.payload = null
  }
}

const queueFull = (): SallyportError =>
  new SallyportError(
    'ERR_QUEUE_FULL',
    'too many messages wait for the connection: this one was not sent, try again later',
  )

const tooLarge = (): SallyportError =>
  new SallyportError('ERR_INVALID_MESSAGE', 'the message is larger than the server takes: it was not sent')

const unknownOutcome = (): SallyportError =>
  new SallyportError(
    'ERR_CLOSED',
    'the connection broke before an answer came: it is not known whether the message took effect',
  )

function timedOut(ms: number, written: boolean): SallyportError {
  const outcome = written
    ? 'the message was sent, and it is not known whether it took effect'
    : 'the message was never sent'
  return new SallyportError('ERR_TIMEOUT', `no answer within ${ms} ms: ${outcome}`)
}
