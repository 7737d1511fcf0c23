import type { Payload } from '../wire/body.ts'
import { SallyportError } from '../wire/errors.ts'
import type { RawFrame } from '../wire/frame.ts'
import type { Clock } from './clock.ts'
import { denialOf, refusalOf } from './refusal.ts'

/** A message or a call on its way. */
export interface Errand {
  readonly id: string
  readonly payload: Payload
  /** What takes it back: a call can be cancelled, a message cannot. */
  readonly cancel: Payload | null
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

interface Pending extends Errand {
  written: boolean
  settle(error: unknown, data?: unknown): void
}

/** What an outbox is made of. */
export interface OutboxParts {
  readonly clock: Clock
  /** How many may wait while nothing is open. */
  readonly bound: number
  /** Whether the line takes no more at the moment. */
  clogged(): boolean
  /** @returns false when the payload is larger than the server takes */
  write(payload: Payload): boolean
}

/**
 * What was sent and is not answered yet. What was never written waits for the next line, in order and with
 * its id; what was written when a line broke is rejected, for nobody knows whether it took effect.
 */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #pending = new Map<string, Pending>()
  #open = false
  #ended: Error | null = null

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  /**
   * Takes an errand; resolves with the data of its `ok`.
   *
   * @throws Denial when the server refuses it; SallyportError ERR_TIMEOUT, ERR_CLOSED, ERR_QUEUE_FULL or
   * ERR_INVALID_MESSAGE (larger than the server takes); the reason of its signal. All as a rejection.
   */
  add(errand: Errand): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(this.#ended)
      if (errand.signal?.aborted === true) return reject(errand.signal.reason)
      if (this.#full()) return reject(queueFull())
      const pending = this.#take(errand, resolve, reject)
      if (this.#open) this.#write(pending)
    })
  }

  /** Something is open: writes what has waited. */
  open(): void {
    this.#open = true
    for (const pending of this.#pending.values()) if (!pending.written) this.#write(pending)
  }

  /** The server reads no more: what comes now waits for the next line. */
  hold(): void {
    this.#open = false
  }

  /** The line broke. */
  broke(): void {
    this.#open = false
    for (const pending of this.#pending.values()) if (pending.written) pending.settle(unknownOutcome())
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

  #full(): boolean {
    if (this.#open) return this.#parts.clogged()
    const waiting = [...this.#pending.values()].filter((one) => !one.written)
    return waiting.length >= this.#parts.bound
  }

  #take(errand: Errand, resolve: (data: unknown) => void, reject: (error: unknown) => void): Pending {
    const { id, signal, timeoutMs } = errand
    const giveUp = (error: unknown): void => {
      if (pending.written && errand.cancel !== null) this.#parts.write(errand.cancel)
      pending.settle(error)
    }
    const aborted = (): void => giveUp(signal?.reason)
    const timer = this.#parts.clock.after(timeoutMs, () => giveUp(timedOut(timeoutMs, pending.written)))
    const pending: Pending = {
      ...errand,
      written: false,
      settle: (error, data) => {
        timer.cancel()
        signal?.removeEventListener('abort', aborted)
        this.#pending.delete(id)
        if (error === null) resolve(data)
        else reject(error)
      },
    }
    signal?.addEventListener('abort', aborted)
    this.#pending.set(id, pending)
    return pending
  }

  #write(pending: Pending): void {
    pending.written = this.#parts.write(pending.payload)
    if (!pending.written) pending.settle(tooLarge())
  }
}

const queueFull = (): SallyportError =>
  new SallyportError(
    'ERR_QUEUE_FULL',
    'too many messages wait for the line: this one was not sent, try again later',
  )

const tooLarge = (): SallyportError =>
  new SallyportError('ERR_INVALID_MESSAGE', 'the message is larger than the server takes: it was not sent')

const unknownOutcome = (): SallyportError =>
  new SallyportError('ERR_CLOSED', 'the line broke before an answer came: whether it took effect is unknown')

function timedOut(ms: number, written: boolean): SallyportError {
  const outcome = written ? 'it was sent, whether it took effect is unknown' : 'it was never sent'
  return new SallyportError('ERR_TIMEOUT', `no answer within ${ms} ms: ${outcome}`)
}
