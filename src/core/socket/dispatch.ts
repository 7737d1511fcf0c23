import { assertValid } from '../../wire/body.ts'
import { type Contract, shapeOf } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import { check, type Checked, type Schema } from '../../wire/schema.ts'
import { traceOf } from '../../wire/trace.ts'
import { denialReason } from '../access/denial-response.ts'
import { Packet } from '../api/connection.ts'
import { isThenable, alreadyDone } from '../runtime/awaitable.ts'
import type { PeerCommand } from './codec.ts'
import { Inbox } from './inbox.ts'
import type { Verdict } from './message-limiter.ts'
import type { ChannelHandler, MessageDispatcher, OpenChannel } from './interfaces.ts'
import { Task } from './task.ts'

/** A validation that takes longer than this is reported, once for each message type. */
const slowMs = 50

type Taken = PeerCommand & { readonly do: 'message' | 'call' }

/**
 * Takes a message that the peer has limited and decoded, validates it, queues it, runs its handler and sends
 * the answer.
 */
export class Dispatcher implements MessageDispatcher {
  readonly #channel: OpenChannel
  readonly #inbox: Inbox
  /** The calls under way. Few sockets ever make one. */
  #calls: Map<string, Task> | null = null
  #handler: ChannelHandler | null = null
  /** When the last message of the client came, on the monotonic clock. */
  #heardAt = Number.NEGATIVE_INFINITY
  /** Whether the server drains: no more is taken. */
  #draining = false

  constructor(channel: OpenChannel) {
    this.#channel = channel
    this.#inbox = inboxOf(channel)
  }

  get heardAt(): number {
    return this.#heardAt
  }

  /** Begins to run handlers. Messages that arrived before `open` was done have waited. */
  start(handler: ChannelHandler): void {
    this.#handler = handler
    this.#inbox.start()
  }

  /** Takes no more. @returns a promise that settles when nothing is being done and nothing waits */
  drain(): Promise<void> {
    this.#draining = true
    return this.#inbox.drained()
  }

  /** Whether no handler runs and no message waits. */
  get isIdle(): boolean {
    return this.#inbox.isIdle
  }

  /** Settles when no handler runs and no message waits. */
  drained(): Promise<void> {
    return this.#inbox.drained()
  }

  /**
   * Forgets the messages that wait.
   *
   * @returns how many messages were forgotten
   */
  close(): number {
    return this.#inbox.close()
  }

  take(command: Taken, bytes: number, at: number): void {
    this.#heardAt = at
    if (this.#draining) return
    if (command.do === 'call') this.#takeCall(command, bytes)
    else this.#takeMessage(command, bytes)
  }

  cancel(id: string): void {
    this.#calls?.get(id)?.cancel()
  }

  cancelCalls(): void {
    for (const call of this.#calls?.values() ?? []) call.cancel()
  }

  punish({ denial, ends, isNews }: Verdict, id: string | null): void {
    if (ends) this.#channel.end('abuse', denial.closeCode, denialReason(denial))
    else this.#refuse(denial, id, isNews)
  }

  refuseInvalid({ issue, id, code, mismatch }: PeerCommand & { readonly do: 'invalid' }): void {
    if (!mismatch) return this.#invalid(issue, id, code)
    const denial = new Denial(400, 'invalid-message', issue, { closeCode: 1003 })
    if (this.#encoded(denial, id) === null) this.#channel.end('abuse', 1003, denialReason(denial))
    else this.#invalid(issue, id)
  }

  /** Runs the handler of a task, and answers the sender. It never rejects. */
  run(task: Task): void | Promise<void> {
    try {
      const result = task.isCancelled ? undefined : this.#traced(task)
      if (result !== alreadyDone && isThenable(result)) return this.#later(task, result)
      this.#finish(task, result === alreadyDone ? undefined : result)
    } catch (error) {
      this.#failed(task, error)
      this.#done(task)
    }
  }

  #takeMessage(command: Taken, bytes: number): void {
    const { type, id } = command
    const shape = shapeOf(this.#channel.contract.client, type)
    if (shape === null)
      return this.#invalid(type === null ? "a message of this endpoint has a 'type'" : 'no such message', id)
    const checked = this.#checked(shape.schema, command)
    if (checked === null) return
    if (!checked.ok) return this.#invalid(checked.issue, id)
    this.#enqueue(this.#task(command, checked.value, bytes))
  }

  #takeCall(command: Taken & { readonly do: 'call' }, bytes: number): void {
    const { type, id } = command
    const call = this.#callNamed(type)
    if (call === undefined) return this.#invalid('no such call', id)
    if (this.#calls?.has(id) === true) return this.#invalid('a call with this id is under way', id)
    const checked = this.#checked(call.input, command)
    if (checked === null) return
    if (!checked.ok) return this.#invalid(checked.issue, id)
    const task = this.#task(command, checked.value, bytes)
    ;(this.#calls ??= new Map()).set(id, task)
    if (!this.#enqueue(task)) this.#calls.delete(id)
  }

  #callNamed(name: string | null): Contract['calls'][string] | undefined {
    const { calls } = this.#channel.contract
    return name !== null && Object.hasOwn(calls, name) ? calls[name] : undefined
  }

  #task(command: Taken, data: unknown, bytes: number): Task {
    const task = new Task(this, command, data)
    task.wireBytes = bytes
    // the trace context of a peer is read only when there is a tracer
    if (this.#channel.peer.context.tracer !== null) task.parent = traceOf(command.trace)
    return task
  }

  /** A validator that throws is a mistake of the programmer: this socket ends, and the error is reported. */
  #checked(schema: Schema, { type, data }: Taken): Checked<unknown> | null {
    const { peer } = this.#channel
    try {
      return check(schema, data)
    } catch (error) {
      this.#channel.fail(error)
      return null
    } finally {
      const ms = peer.limiter.charge(peer.context.clock)
      if (ms > slowMs) this.#tellSlow(type, ms)
    }
  }

  /**
   * Reports, once for each message type, a validation that blocks the process, and what can be done about it.
   */
  #tellSlow(type: string | null, ms: number): void {
    const { contract, peer } = this.#channel
    const what = `${type === null ? 'A message' : `'${type}'`} of ${contract.path}`
    const { toldSlow, emit } = peer.context
    if (toldSlow.has(what)) return
    toldSlow.add(what)
    const detail =
      `${what} took ${Math.round(ms)} ms to read and validate, and no other peer was served meanwhile. ` +
      'Give its arrays, records and strings a maximum (.max()), its unions fewer arms, or a field that tells the arms apart (z.discriminatedUnion).'
    emit({ type: 'misconfigured', cause: 'slow-validation', detail })
  }

  #enqueue(task: Task): boolean {
    const isTaken = this.#inbox.add(task)
    if (!isTaken) this.#refuse(tooMuchWaiting(), task.id)
    return isTaken
  }

  /** Runs a handler, under the tracer if there is one. */
  #traced(task: Task): unknown {
    const { data } = task
    // the handler holds what it still needs
    task.data = undefined
    const { contract, peer } = this.#channel
    const { tracer } = peer.context
    if (tracer === null) return this.#handle(task, data)
    const { kind, type, parent } = task
    const { id, path, address, subject = null } = peer.info
    const work = { kind, type, parent, contract: contract.path, path, id, address, subject }
    return tracer.run(work, () => this.#handle(task, data))
  }

  #handle(task: Task, data: unknown): unknown {
    const { kind, type } = task
    const handler = this.#handler
    // a call always has a type; the check is for the compiler
    return kind === 'call' && type !== null
      ? handler?.call(type, data, task.signal)
      : handler?.message(type, data)
  }

  #later(task: Task, result: PromiseLike<unknown>): Promise<void> {
    return Promise.resolve(result).then(
      (value) => this.#finish(task, value),
      (error: unknown) => {
        this.#failed(task, error)
        this.#done(task)
      },
    )
  }

  #finish(task: Task, value: unknown): void {
    try {
      this.#answer(task, value)
    } catch (error) {
      this.#failed(task, error)
    }
    this.#done(task)
  }

  #answer(task: Task, value: unknown): void {
    if (!task.isCancelled) this.#answered(task, value)
    else if (!this.#channel.ended) this.#threw(task, cancelled())
  }

  #answered({ kind, type, id }: Task, value: unknown): void {
    const { peer, path } = this.#channel
    const call = kind === 'call' ? this.#callNamed(type) : undefined
    if (call !== undefined && peer.context.checkOutgoing)
      assertValid(call.output, value, `the answer of the call '${type}'`)
    if (id === null) return
    // the result of a message handler is sent to no client
    const data = call === undefined ? undefined : value
    peer.frame({ op: 'ok', in: path, id, ...(data === undefined ? {} : { data }) })
  }

  /** An error that a handler throws because its call was cancelled is no fault of the server. */
  #failed(task: Task, error: unknown): void {
    this.#threw(task, task.isCancelled && !this.#channel.ended ? cancelled() : error)
  }

  #threw({ id }: Task, error: unknown): void {
    if (error instanceof Denial) this.#refuse(error, id)
    else this.#channel.fail(error)
  }

  #done({ kind, id }: Task): void {
    if (kind === 'call' && id !== null) this.#calls?.delete(id)
  }

  #invalid(issue: string, id: string | null, code = 'invalid-message'): void {
    const { limiter, context } = this.#channel.peer
    this.punish(limiter.invalid(new Denial(400, code, issue), context.clock.monotonic()), id)
  }

  #refuse(denial: Denial, id: string | null, isNews = true): void {
    const channel = this.#channel
    if (isNews) channel.tell({ type: 'refused-message', status: denial.status, code: denial.reason })
    const payload = this.#encoded(denial, id)
    if (payload === null) channel.end('denied', denial.closeCode, denialReason(denial))
    else channel.peer.write(new Packet(payload))
  }

  #encoded(denial: Denial, id: string | null): ReturnType<OpenChannel['peer']['codec']['denial']> {
    const { peer, path } = this.#channel
    return peer.codec.denial(denial, { path, id, ref: peer.info.id })
  }
}

function inboxOf({ peer }: OpenChannel): Inbox {
  const { context, account } = peer
  const limited = (): void => peer.tellLimit('waitingBytes')
  return new Inbox({
    bounds: { messages: context.limits.inbox, bytes: context.limits.inboxBytes },
    flow: peer,
    backlog: {
      take: (bytes) => context.backlog.take(account, bytes, limited),
      give: (bytes) => context.backlog.give(account, bytes),
    },
  })
}

function tooMuchWaiting(): Denial {
  return new Denial(
    429,
    'too-much-waiting',
    'slow down: too many of your messages wait already, and this message was dropped',
  )
}

function cancelled(): Denial {
  return new Denial(499, 'cancelled', 'the call was cancelled')
}
