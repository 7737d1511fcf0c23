import { assertValid, type Payload } from '../wire/body.ts'
import { retryAfterClose } from '../wire/close.ts'
import { type Contract, shapeOf } from '../wire/contract.ts'
import { Denial } from '../wire/errors.ts'
import { encodeFrame, glimpseId, type ServerFrame } from '../wire/frame.ts'
import { check } from '../wire/schema.ts'
import { type TraceContext, traceOf } from '../wire/trace.ts'
import type { Codec, Command, NewCredential } from './codec.ts'
import { Conduct, type Verdict } from './conduct.ts'
import { type Connection, Packet, type Receiver } from './connection.ts'
import type { Leave } from './demands.ts'
import type { Visitor } from './doors.ts'
import { DrainWaiters } from './drain-waiters.ts'
import { Heartbeat, type Pulse } from './heartbeat.ts'
import type { Hub } from './hub.ts'
import { Inbox } from './inbox.ts'
import type { EndpointLimits, Limits } from './limits.ts'
import { bodyFor, sendingOf } from './messenger.ts'
import { denialReason } from './refusal.ts'
import type { LeaveReason, Place, SocketHappening } from './report.ts'
import { isThenable, Task, type TaskHost } from './task.ts'

/** What runs inside a socket: the table of a consumer, or the loop of an endpoint. */
export interface Inside {
  open(): unknown
  message(type: string | null, data: unknown): unknown
  call(name: string, input: unknown, signal: AbortSignal): unknown
  change(grant: unknown, before: unknown): unknown
  /** Settles when the message that was taken last has been worked off. */
  rested(): Promise<void>
  /**
   * Access has ended: nothing more is to be taken. A peer that leaves by itself is still heard to the end.
   *
   * @returns how many messages were handed over and are thrown away now, before anything was done with them
   */
  stop(): number
  /** Whether it has been told that access has ended, and says its farewell: no longer, and not yet what was at work then. */
  readonly isParting: boolean
  /** Runs last, after every handler has settled. */
  close(leave: Leave): unknown
}

/** A frame that somebody else has encoded. */
export interface EncodedFrame {
  readonly encoded: string
}

/** What an opening is made of. */
export interface OpeningParts {
  readonly hub: Hub
  /** The id of the socket. */
  readonly id: string
  readonly contract: Contract
  readonly connection: Connection
  readonly codec: Codec
  readonly place: Place
  /** The limits of the endpoint. */
  readonly limits: EndpointLimits
  /** The largest message, in bytes. */
  readonly messageBytes: number
  /** The account that pays for what this socket costs. */
  readonly account: string
  /** Whether that is the account of a network. */
  readonly isGuest: boolean
  /** How many sockets that account has. */
  readonly siblings: number
  /**
   * The socket has ended: gives up its places in groups and presence. It can still be found.
   *
   * @param isLost whether a right was lost: the user is shown no more at once, without the grace of a reload
   */
  leave(isLost: boolean): void
  /** Nothing is done in its name any more: it cannot be found from now on, and nobody asks about it. */
  forget(): void
  /** Whether a revocation was heard, or a change of rights that nobody has asked about since. */
  isBarred(): boolean
  /** The credential has ended before its alarm has rung. */
  lapse(): void
  /** The peer brings a new credential; it passes the queue of the handlers by. */
  refresh(credential: NewCredential): void
}

/** A validation that takes longer is told to whoever wrote the schema. */
const slowMs = 50

/** Looks at a message whose JSON may hold so many values; what it throws ends the socket. */
type Look = (payload: Payload, maxValues: number) => void

/**
 * One opening of an endpoint on a connection: reads commands, checks them, runs handlers one at a time, and ends once. After
 * its end handlers may still be at work, and messages of a peer that has left may wait for them: until that is over the
 * opening can be found, and access that ends reaches it.
 * Its owner makes it, starts it with what runs inside, and never hears an error: they go to the sender, or to the reporter.
 */
export class Opening implements Receiver, Pulse, TaskHost {
  readonly parts: OpeningParts
  /** These two are made for the first message: many sockets only listen. */
  #inbox: Inbox | null = null
  #conduct: Conduct | null = null
  readonly #heartbeat: Heartbeat
  /** When it was opened, on the monotonic clock. */
  readonly #since: number
  /** The calls under way; few sockets ever make one. */
  #calls: Map<string, Task> | null = null
  #inside: Inside | null = null
  #opened: Promise<unknown> | null = null
  #started = false
  #draining = false
  #ended = false
  /** Whether a right was lost, at its end or later: what is still at work in its name is not to be heard. */
  #lost = false
  /** Whether nothing is done in its name any more, or nothing of it is heard. */
  #over = false
  #dropped = 0
  /** How it ended, where that was before anything could run inside. */
  #left: Leave | null = null
  /** Settles when the last handler has. */
  #gone: Promise<void> | null = null
  #visitor: Visitor
  #activeAt: number
  /** When the message that is being read and validated came; -1 when that is paid for. */
  #began = -1
  #turned: PromiseWithResolvers<void> | null = null
  #abort: AbortController | null = null
  /** Handlers that wait for a slow reader. */
  #drains: DrainWaiters | null = null

  constructor(parts: OpeningParts, visitor: Visitor) {
    const { hub } = parts
    this.parts = parts
    this.#since = hub.clock.monotonic()
    this.#visitor = visitor
    this.#activeAt = this.#since
    this.#heartbeat = new Heartbeat(hub, this)
  }

  get id(): string {
    return this.parts.id
  }

  /** Aborted when the socket has ended; made when somebody asks for it. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#ended) this.#abort.abort()
    return this.#abort.signal
  }

  /** Who is inside, and with which grant, as of now. */
  get visitor(): Visitor {
    return this.#visitor
  }

  /** When the client was heard last, on the monotonic clock. */
  get activeAt(): number {
    return this.#activeAt
  }

  /** Takes over a renewed identity and grant. */
  become(visitor: Visitor): void {
    this.#visitor = visitor
  }

  /** Tells handlers and client that the grant has changed. */
  changed(grant: unknown, before: unknown, told: unknown): void {
    this.#turn()
    try {
      if (told !== undefined) this.frame({ op: 'changed', in: this.#visitor.path, grant: told })
      const changing = this.#inside?.change(grant, before)
      if (isThenable(changing)) Promise.resolve(changing).catch((error: unknown) => this.fail(error))
    } catch (error) {
      this.fail(error)
    }
  }

  /** Settles when the grant changes or the socket ends. */
  turned(): Promise<void> {
    this.#turned ??= Promise.withResolvers<void>()
    return this.#turned.promise
  }

  /** Whether the socket has ended: its peer hears nothing any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether nothing is done in its name any more, or nothing of it is heard: access has nothing left to end. */
  get over(): boolean {
    return this.#over
  }

  /** How many of its messages were thrown away before a handler has seen them, since access ended or the server closed it. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Refuses what a handler was at work on when its right ended, but for a farewell. What a handler has left running finds no
   * socket that could be ended when all handlers have settled: its right is looked at anew.
   *
   * @throws Denial 403 then
   */
  assertAllowed(): void {
    if (this.#inside?.isParting === true) return
    if (this.#lost || (this.#over && (this.#hasExpired() || this.parts.isBarred())))
      throw new Denial(403, 'ended', 'access has ended: nothing more is done in its name')
  }

  /** Tells operators what has happened to this socket. */
  tell(happened: SocketHappening): void {
    const { hub, contract, place } = this.parts
    hub.emit({ ...happened, contract: contract.path, ...place })
  }

  /** Nothing will ever run inside: what was to has thrown. */
  abandon(): void {
    if (this.#inside === null) this.#forget()
  }

  /** Runs `open`, then everything that has come meanwhile. */
  async start(inside: Inside): Promise<void> {
    this.#inside = inside
    if (this.#left !== null) return (this.#gone = this.#goodbye(this.#left))
    try {
      const opened = inside.open()
      if (isThenable(opened)) await (this.#opened = Promise.resolve(opened))
    } catch (error) {
      this.fail(error)
      // what has waited for `open` has no handler now, also where its peer has left and that was called off
      if (this.#ended) this.#cutOff('peer')
      return
    }
    this.#started = true
    this.#inbox?.start()
  }

  /** Sends to this socket alone; the arguments are those of `socket.send`. Answers whether there is room for more. */
  send(args: readonly unknown[]): boolean {
    const { contract, codec, hub } = this.parts
    const sending = sendingOf(contract, args, hub.checkOutgoing)
    const { type, shape, options } = sending
    const payload = codec.message(type, bodyFor(sending))
    this.#write(new Packet(payload, options.slow ?? shape.rules.slow, `${type ?? ''}/${options.key ?? ''}`))
    return !this.#ended && !this.parts.connection.isFull
  }

  /** Resolves when the reader has taken most of what waits. @throws (rejects with) an AbortError when the socket ends */
  drained(): Promise<void> {
    const { connection, hub } = this.parts
    this.#drains ??= new DrainWaiters({
      connection,
      alarms: hub.alarms,
      withinMs: hub.limits.outboundMs,
      late: () => this.#tooSlow(),
    })
    const drained = this.#drains.wait()
    if (this.#ended) this.#drains.end(this.signal.reason)
    return drained
  }

  /** Sends a frame to a socket that speaks `sallyport.v1`; a plain one is not told. */
  frame(frame: ServerFrame | EncodedFrame): void {
    if (!this.parts.codec.framed) return
    this.#write(new Packet('encoded' in frame ? frame.encoded : encodeFrame(frame)))
  }

  /** Ends the socket for what was thrown: a denial closes with its code, anything else is reported and closes 1011. */
  fail(error: unknown): void {
    if (error instanceof Denial) return this.end('denied', error.closeCode, denialReason(error))
    // what was waiting for something when the socket ended was told so: that is no fault
    if (this.#ended && isAbort(error)) return
    this.parts.hub.report(error, `running ${this.parts.contract.path}`)
    this.end('fault', 1011, 'internal error')
  }

  /**
   * Ends the socket, once: leaves its groups first, so that nothing more is heard, then closes and tells what runs inside.
   * Where it had ended, what is still done in its name ends.
   */
  end(why: LeaveReason, code: number, reason: string): void {
    if (this.#ended) return this.#cutOff(why)
    this.#hangUp(code, reason)
    this.#leave({ why, code, mayReturn: retryAfterClose(code) === 'retry' })
  }

  /** A transport that fails keeps nobody inside, and holds up no one else who is to be ended. */
  #hangUp(code: number, reason: string): void {
    const { connection, hub, contract } = this.parts
    try {
      connection.close(code, reason)
    } catch (error) {
      hub.report(error, `closing a socket of ${contract.path}`)
      connection.terminate()
    }
  }

  /**
   * Takes no more messages, lets the handler that runs finish, then closes with 1012 and says when to come back. Settles
   * when the last handler has, also of a peer that has left.
   */
  async drain(retryAfterMs: number): Promise<void> {
    this.#draining = true
    this.frame({ op: 'bye', retryAfterMs })
    await this.#opened?.catch(() => {})
    await this.#inbox?.drained()
    await this.#inside?.rested()
    this.end('drain', 1012, 'restart')
    await this.#gone
  }

  message(payload: Payload, bytes: number): void {
    this.#hear(payload, bytes, null)
  }

  /** The same for a first message that has to be looked at before it is read: see `refusingCredential`. */
  first(payload: Payload, bytes: number, look: Look): void {
    this.#hear(payload, bytes, look)
  }

  #hear(payload: Payload, bytes: number, look: Look | null): void {
    if (this.#ended) return
    this.#heartbeat.heard()
    // a process that was stopped, or a clock that has jumped, reads what came meanwhile before it hears its alarms
    if (this.#hasExpired()) return this.parts.lapse()
    const { codec, hub, limits } = this.parts
    this.#began = hub.clock.monotonic()
    const verdict = this.#judge.message(bytes, this.#began)
    if (verdict !== null) return this.#punish(verdict, codec.framed ? glimpseId(payload) : null)
    const maxValues = limits.values ?? hub.limits.messageValues
    try {
      look?.(payload, maxValues)
    } catch (error) {
      this.#charge()
      return this.fail(error)
    }
    this.#obey(codec.read(payload, maxValues), bytes)
    this.#charge()
  }

  alive(): void {
    this.#heartbeat.heard()
  }

  /** Asks the peer for a sign of life. */
  ping(): void {
    if (this.parts.codec.framed) this.frame({ op: 'ping' })
    else this.parts.connection.ping()
  }

  /** Whether nothing can be heard because more waits for the handlers than is taken. */
  get paused(): boolean {
    return this.#inbox?.paused ?? false
  }

  get progress(): number {
    return this.parts.connection.progress
  }

  get isBehind(): boolean {
    return this.parts.connection.isBehind
  }

  /** The peer has taken nothing for too long of what waits for it. */
  stuck(): void {
    this.#tooSlow()
  }

  /** The peer has been silent for too long. */
  lost(): void {
    this.end('lost', 4408, 'no sign of life')
  }

  closed(code: number, _reason: string): void {
    if (this.#ended) return
    const limit = limitOf(code)
    if (limit !== null) tellLimit(this.parts, limit)
    const why =
      code === 1006
        ? 'lost'
        : code === 4508
          ? 'slow'
          : code === 1009 || code === 1002 || code === 1007
            ? 'abuse'
            : 'peer'
    this.#leave({ why, code, mayReturn: retryAfterClose(code) === 'retry' })
  }

  get #queue(): Inbox {
    if (this.#inbox !== null) return this.#inbox
    this.#inbox = inboxOf(this.parts)
    if (this.#started) this.#inbox.start()
    return this.#inbox
  }

  get #judge(): Conduct {
    return (this.#conduct ??= conductOf(this.parts, this.#since))
  }

  #obey(command: Command, bytes: number): void {
    if (command.do === 'message' || command.do === 'call') this.#take(command, bytes)
    else if (command.do === 'invalid') this.#refuseInvalid(command)
    else if (command.do === 'cancel') this.#calls?.get(command.id)?.cancel()
    else if (command.do === 'refresh') this.parts.refresh(command)
    else if (command.do === 'ping') this.frame({ op: 'pong' })
  }

  #hasExpired(): boolean {
    const { expires } = this.#visitor.identity
    return expires !== undefined && expires.getTime() <= this.parts.hub.clock.now()
  }

  /**
   * Charges the account for the time since the message came, once, and before a handler runs.
   *
   * @returns how many milliseconds that were
   */
  #charge(): number {
    const began = this.#began
    this.#began = -1
    if (began === -1) return 0
    const now = this.parts.hub.clock.monotonic()
    this.#judge.spent(now - began, now)
    return now - began
  }

  /** Says of a message type whose validation holds up everybody what can be done, once. */
  #tellSlow(type: string | null, ms: number): void {
    const { contract, hub } = this.parts
    const what = `${type === null ? 'A message' : `'${type}'`} of ${contract.path}`
    if (hub.toldSlow.has(what)) return
    hub.toldSlow.add(what)
    const detail =
      `${what} took ${Math.round(ms)} ms to read and validate, and nobody else was served meanwhile. ` +
      'Give its arrays, records and strings a maximum (.max()), its unions fewer arms, or a field that tells the arms apart (z.discriminatedUnion).'
    hub.emit({ type: 'misconfigured', cause: 'slow-validation', detail })
  }

  #take(command: Command & { readonly do: 'message' | 'call' }, bytes: number): void {
    this.#activeAt = this.#began
    if (this.#draining) return
    if (command.do === 'call') this.#takeCall(command, bytes)
    else this.#takeMessage(command, bytes)
  }

  #takeMessage({ type, data, id, trace }: Command & { readonly do: 'message' }, bytes: number): void {
    const shape = shapeOf(this.parts.contract.client, type)
    if (shape === null)
      return this.#invalid(type === null ? "a message of this endpoint has a 'type'" : 'no such message', id)
    const checked = this.#checked(type, () => check(shape.schema, data))
    if (checked === null) return
    if (!checked.ok) return this.#invalid(checked.issue, id)
    this.#enqueue(
      new Task(this, { kind: 'message', type, id, data: checked.value, parent: this.#parent(trace), bytes }),
    )
  }

  #takeCall({ type, data, id, trace }: Command & { readonly do: 'call' }, bytes: number): void {
    const call = this.#callNamed(type)
    if (call === undefined) return this.#invalid('no such call', id)
    if (this.#calls?.has(id) === true) return this.#invalid('a call with this id is under way', id)
    const checked = this.#checked(type, () => check(call.input, data))
    if (checked === null) return
    if (!checked.ok) return this.#invalid(checked.issue, id)
    const parent = this.#parent(trace)
    const task = new Task(this, { kind: 'call', type, id, data: checked.value, parent, bytes })
    ;(this.#calls ??= new Map()).set(id, task)
    if (!this.#enqueue(task)) this.#calls.delete(id)
  }

  #callNamed(name: string | null): Contract['calls'][string] | undefined {
    const { calls } = this.parts.contract
    return name !== null && Object.hasOwn(calls, name) ? calls[name] : undefined
  }

  /** What a peer says of its trace is looked at only where there is a tracer. */
  #parent(trace: unknown): TraceContext | null {
    return this.parts.hub.tracer === null ? null : traceOf(trace)
  }

  #enqueue(task: Task): boolean {
    const isTaken = this.#queue.add(task)
    if (!isTaken) this.#refuse(tooMuchWaiting(), task.id)
    return isTaken
  }

  /** Runs a handler, under the tracer if there is one. */
  handle(task: Task, data: unknown): unknown {
    const { hub, contract, place } = this.parts
    const { tracer } = hub
    if (tracer === null) return this.#handle(task, data)
    const { kind, type, parent } = task
    const { id, path, address, subject = null } = place
    const work = { kind, type, parent, contract: contract.path, path, id, address, subject }
    return tracer.run(work, () => this.#handle(task, data))
  }

  #handle(task: Task, data: unknown): unknown {
    const { kind, type } = task
    // a call has a name
    return kind === 'call' && type !== null
      ? this.#inside?.call(type, data, task.signal)
      : this.#inside?.message(type, data)
  }

  answered({ kind, type, id }: Task, value: unknown): void {
    const call = kind === 'call' ? this.#callNamed(type) : undefined
    if (call !== undefined && this.parts.hub.checkOutgoing)
      assertValid(call.output, value, `the answer of the call '${type}'`)
    if (id === null) return
    // what the handler of a message answers is for nobody
    const data = call === undefined ? undefined : value
    this.frame({ op: 'ok', in: this.#visitor.path, id, ...(data === undefined ? {} : { data }) })
  }

  threw({ id }: Task, error: unknown): void {
    if (error instanceof Denial) this.#refuse(error, id)
    else this.fail(error)
  }

  done({ kind, id }: Task): void {
    if (kind === 'call' && id !== null) this.#calls?.delete(id)
  }

  #refuse(denial: Denial, id: string | null, isNews = true): void {
    const { codec, place } = this.parts
    if (isNews) this.tell({ type: 'refused-message', status: denial.status, code: denial.reason })
    const payload = codec.denial(denial, id, place.id)
    if (payload === null) this.end('denied', denial.closeCode, denialReason(denial))
    else this.#write(new Packet(payload))
  }

  #invalid(issue: string, id: string | null, code = 'invalid-message'): void {
    const denial = new Denial(400, code, issue)
    this.#punish(this.#judge.invalid(denial, this.parts.hub.clock.monotonic()), id)
  }

  #punish({ denial, ends, isNews }: Verdict, id: string | null): void {
    if (ends) this.end('abuse', denial.closeCode, denialReason(denial))
    else this.#refuse(denial, id, isNews)
  }

  #refuseInvalid({ issue, id, code, mismatch }: Command & { readonly do: 'invalid' }): void {
    if (!mismatch) return this.#invalid(issue, id, code)
    const { codec, place } = this.parts
    const denial = new Denial(400, 'invalid-message', issue, { closeCode: 1003 })
    if (codec.denial(denial, id, place.id) === null) this.end('abuse', 1003, denialReason(denial))
    else this.#invalid(issue, id)
  }

  /** A validator that throws is the programmer's fault: this socket ends, the error is reported. */
  #checked<T>(type: string | null, validate: () => T): T | null {
    try {
      return validate()
    } catch (error) {
      this.fail(error)
      return null
    } finally {
      const ms = this.#charge()
      if (ms > slowMs) this.#tellSlow(type, ms)
    }
  }

  #turn(): void {
    this.#turned?.resolve()
    this.#turned = null
  }

  /** A reader that takes a little now and then must not hold a handler, and what that holds, for as long as it likes. */
  #tooSlow(): void {
    tellLimit(this.parts, 'outboundMs')
    this.end('slow', 4508, 'too-slow: you read more slowly than the endpoint speaks')
  }

  #write(packet: Packet): void {
    if (!this.#ended) this.parts.connection.send(packet)
  }

  #leave(leave: Leave): void {
    const { why, code } = leave
    this.#ended = true
    this.#heartbeat.stop()
    const dropped = why === 'peer' || why === 'lost' ? 0 : this.#drop()
    if (isLoss(why)) this.#silence()
    this.parts.leave(isLoss(why))
    this.#abort?.abort()
    this.#drains?.end(this.signal.reason)
    this.#turn()
    for (const call of this.#calls?.values() ?? []) call.cancel()
    this.tell({ type: 'left', why, code, ms: Math.round(this.parts.hub.clock.monotonic() - this.#since) })
    if (dropped > 0) this.tell({ type: 'dropped', why, messages: dropped })
    if (this.#inside === null) this.#left = leave
    else this.#gone = this.#goodbye(leave)
  }

  /** The socket has ended, and now access has as well, or the server wants no more of it. */
  #cutOff(why: LeaveReason): void {
    if (this.#over) return
    const messages = this.#drop()
    // an eviction makes room for a newcomer: nothing is to be left of what had the place
    if (isLoss(why) || why === 'evicted') this.#silence()
    if (messages > 0 || this.#over) this.tell({ type: 'dropped', why, messages })
  }

  /** Throws away what no handler has seen. */
  #drop(): number {
    const dropped = (this.#inbox?.close() ?? 0) + (this.#inside?.stop() ?? 0)
    this.#dropped += dropped
    return dropped
  }

  /** Lets nothing be heard any more of what is still at work. */
  #silence(): void {
    this.#lost = true
    this.#forget()
  }

  #forget(): void {
    this.#over = true
    this.parts.forget()
  }

  async #goodbye(leave: Leave): Promise<void> {
    const { hub, account } = this.parts
    hub.backlog.orphan(account)
    try {
      // a turn later it is known whether `open`, which may have ended the socket itself, is still at work
      await Promise.resolve()
      await this.#opened?.catch(() => {})
      await this.#inbox?.drained()
      await this.#inside?.close(leave)
    } catch (error) {
      hub.report(error, `closing ${this.parts.contract.path}`)
    } finally {
      hub.backlog.settle(account)
      this.#forget()
    }
  }
}

function conductOf(parts: OpeningParts, since: number): Conduct {
  const { hub, limits: own, messageBytes, account, isGuest } = parts
  const { limits, accounts, clock } = hub
  const limited = (limit: keyof Limits): void => tellLimit(parts, limit)
  return new Conduct({
    limits,
    own,
    messageBytes,
    accounts,
    account,
    guests: isGuest ? () => parts.siblings : null,
    since,
    now: clock.monotonic(),
    limited,
  })
}

function inboxOf(parts: OpeningParts): Inbox {
  const { hub, connection, account } = parts
  const limited = (): void => tellLimit(parts, 'waitingBytes')
  return new Inbox({
    bounds: { messages: hub.limits.inbox, bytes: hub.limits.inboxBytes },
    flow: connection,
    backlog: {
      take: (bytes) => hub.backlog.take(account, bytes, limited),
      give: (bytes) => hub.backlog.give(account, bytes),
    },
  })
}

function tellLimit({ hub, contract, place, isGuest }: OpeningParts, limit: keyof Limits): void {
  hub.emit({ type: 'limited', limit, scope: scopeOf(limit, isGuest), contract: contract.path, ...place })
}

const accountLimits: ReadonlySet<keyof Limits> = new Set([
  'identityRate',
  'identityByteRate',
  'guestRate',
  'guestByteRate',
  'validation',
  'waitingBytes',
] as const)

/** What is counted together. */
function scopeOf(limit: keyof Limits, isGuest: boolean): 'socket' | 'identity' | 'address' {
  if (accountLimits.has(limit)) return isGuest ? 'address' : 'identity'
  return limit === 'invalidMessages' && !isGuest ? 'identity' : 'socket'
}

/** The limit with whose code a transport has closed. */
function limitOf(code: number): keyof Limits | null {
  if (code === 1009) return 'messageBytes'
  return code === 4508 ? 'outboundBytes' : null
}

/** Whether whoever has left may not be here any more, or somebody could not find out that they may. */
function isLoss(why: LeaveReason): boolean {
  return why === 'revoked' || why === 'denied' || why === 'expired'
}

function tooMuchWaiting(): Denial {
  return new Denial(
    429,
    'too-much-waiting',
    'slow down: too much of yours waits already, and this message was dropped',
  )
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
