import { assertValid, type Payload } from '../wire/body.ts'
import { retryAfterClose } from '../wire/close.ts'
import { type Contract, shapeOf } from '../wire/contract.ts'
import { Denial } from '../wire/errors.ts'
import { encodeFrame, glimpseId, type ServerFrame } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'
import { check } from '../wire/schema.ts'
import { traceOf } from '../wire/trace.ts'
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
import type { Work } from './tracer.ts'

/** What runs inside a socket: the table of a consumer, or the loop of an endpoint. */
export interface Inside {
  open(): unknown
  message(type: string | null, data: unknown): unknown
  call(name: string, input: unknown, signal: AbortSignal): unknown
  change(grant: unknown, before: unknown): unknown
  /** Settles when the message that was taken last has been worked off. */
  rested(): Promise<void>
  /** Access has ended: nothing more is to be taken. A peer that leaves by itself is still heard to the end. */
  stop(): void
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
  /** Gives up the places in groups and presence. */
  vacate(): void
  /** The credential has ended before its alarm has rung. */
  lapse(): void
  /** The peer brings a new credential; it passes the queue of the handlers by. */
  refresh(credential: NewCredential): void
}

/**
 * One opening of an endpoint on a connection: reads commands, checks them, runs handlers one at a time, and ends once.
 * Its owner makes it, starts it with what runs inside, and never hears an error: they go to the sender, or to the reporter.
 */
export class Opening implements Receiver, Pulse {
  readonly parts: OpeningParts
  /** These two are made for the first message: many sockets only listen. */
  #inbox: Inbox | null = null
  #conduct: Conduct | null = null
  readonly #heartbeat: Heartbeat
  /** When it was opened, on the monotonic clock. */
  readonly #since: number
  /** The calls under way; few sockets ever make one. */
  #calls: Map<string, AbortController> | null = null
  #inside: Inside | null = null
  #opened: Promise<unknown> | null = null
  #started = false
  #draining = false
  #ended = false
  /** Whether it has ended because a right was lost. */
  #lost = false
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

  get ended(): boolean {
    return this.#ended
  }

  /** Refuses to publish what a handler was at work on when its right ended. @throws Denial 403 then */
  assertHeard(): void {
    if (this.#lost && this.#inside?.isParting !== true)
      throw new Denial(403, 'ended', 'access has ended: this was not sent')
  }

  /** Tells operators what has happened to this socket. */
  tell(happened: SocketHappening): void {
    const { hub, contract, place } = this.parts
    hub.emit({ ...happened, contract: contract.path, ...place })
  }

  /** Runs `open`, then everything that has come meanwhile. */
  async start(inside: Inside): Promise<void> {
    this.#inside = inside
    if (this.#left !== null) return this.#goodbye(this.#left)
    try {
      const opened = inside.open()
      if (isThenable(opened)) await (this.#opened = Promise.resolve(opened))
    } catch (error) {
      return this.fail(error)
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

  /** Ends the socket, once: leaves its groups first, so that nothing more is heard, then closes and tells what runs inside. */
  end(why: LeaveReason, code: number, reason: string): void {
    if (this.#ended) return
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
   * when the last handler has.
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
    if (this.#ended) return
    this.#heartbeat.heard()
    // a process that was stopped, or a clock that has jumped, reads what came meanwhile before it hears its alarms
    if (this.#hasExpired()) return this.parts.lapse()
    const { codec, hub, limits } = this.parts
    this.#began = hub.clock.monotonic()
    const verdict = this.#judge.message(bytes, this.#began)
    if (verdict !== null) return this.#punish(verdict, codec.framed ? glimpseId(payload) : null)
    this.#obey(codec.read(payload, limits.values ?? hub.limits.messageValues))
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
    const { hub, connection } = this.parts
    this.#inbox = new Inbox(hub.limits.inbox, connection)
    if (this.#started) this.#inbox.start()
    return this.#inbox
  }

  get #judge(): Conduct {
    return (this.#conduct ??= conductOf(this.parts))
  }

  #obey(command: Command): void {
    if (command.do === 'message' || command.do === 'call') this.#take(command)
    else if (command.do === 'invalid') this.#refuseInvalid(command)
    else if (command.do === 'cancel') this.#calls?.get(command.id)?.abort()
    else if (command.do === 'refresh') this.parts.refresh(command)
    else if (command.do === 'ping') this.frame({ op: 'pong' })
  }

  #hasExpired(): boolean {
    const { expires } = this.#visitor.identity
    return expires !== undefined && expires.getTime() <= this.parts.hub.clock.now()
  }

  /** Charges the account for the time since the message came, once, and before a handler runs. */
  #charge(): void {
    const { clock, limits } = this.parts.hub
    const began = this.#began
    this.#began = -1
    if (began === -1 || limits.validation === null) return
    const now = clock.monotonic()
    this.#judge.spent(now - began, now)
  }

  #take(command: Command & { readonly do: 'message' | 'call' }): void {
    this.#activeAt = this.#began
    if (this.#draining) return
    if (command.do === 'call') this.#takeCall(command)
    else this.#takeMessage(command)
  }

  #takeMessage({ type, data, id, trace }: Command & { readonly do: 'message' }): void {
    const shape = shapeOf(this.parts.contract.client, type)
    if (shape === null)
      return this.#invalid(type === null ? "a message of this endpoint has a 'type'" : 'no such message', id)
    const checked = this.#checked(() => check(shape.schema, data))
    if (checked === null) return
    if (!checked.ok) return this.#invalid(checked.issue, id)
    this.#queue.add(() =>
      this.#run(
        id,
        this.#traced({ kind: 'message', type, trace }, () => this.#inside?.message(type, checked.value)),
        () => undefined,
      ),
    )
  }

  #takeCall({ type, data, id, trace }: Command & { readonly do: 'call' }): void {
    const { calls } = this.parts.contract
    const call = Object.hasOwn(calls, type) ? calls[type] : undefined
    if (call === undefined) return this.#invalid('no such call', id)
    if (this.#calls?.has(id) === true) return this.#invalid('a call with this id is under way', id)
    const checked = this.#checked(() => check(call.input, data))
    if (checked === null) return
    if (!checked.ok) return this.#invalid(checked.issue, id)
    const abort = new AbortController()
    ;(this.#calls ??= new Map()).set(id, abort)
    const answer = (value: unknown): unknown => {
      if (this.parts.hub.checkOutgoing) assertValid(call.output, value, `the answer of the call '${type}'`)
      return value
    }
    const ask = async (): Promise<unknown> => {
      try {
        return await this.#inside?.call(type, checked.value, abort.signal)
      } catch (error) {
        // whatever a handler throws because its call was called off is no fault of the server
        if (abort.signal.aborted && !this.#ended) cancelled()
        throw error
      }
    }
    const asked = this.#traced({ kind: 'call', type, trace }, ask)
    this.#queue.add(() => {
      if (abort.signal.aborted) return this.#run(id, cancelled, answer, () => this.#calls?.delete(id))
      return this.#run(id, asked, answer, () => this.#calls?.delete(id))
    })
  }

  /** A handler under the tracer, if there is one; what a peer says of its trace is looked at only then. */
  #traced(
    { trace, ...work }: Pick<Work, 'kind' | 'type'> & { readonly trace?: unknown },
    handler: () => unknown,
  ): () => unknown {
    const { hub, contract, place } = this.parts
    const { tracer } = hub
    if (tracer === null) return handler
    const { id, path, address, subject = null } = place
    const where = { contract: contract.path, path, id, address, subject, parent: traceOf(trace) }
    return () => tracer.run({ ...work, ...where }, handler)
  }

  /** Runs a handler and tells the sender how it ended. Never throws; answers a promise only when the handler does. */
  #run(
    id: string | null,
    handler: () => unknown,
    answer: (value: unknown) => unknown,
    settled: () => void = () => {},
  ): void | Promise<void> {
    try {
      const result = handler()
      if (isThenable(result)) return this.#await(id, result, answer, settled)
      this.#done(id, answer(result))
    } catch (error) {
      this.#threw(id, error)
    }
    settled()
  }

  async #await(
    id: string | null,
    result: PromiseLike<unknown>,
    answer: (value: unknown) => unknown,
    settled: () => void,
  ): Promise<void> {
    try {
      this.#done(id, answer(await result))
    } catch (error) {
      this.#threw(id, error)
    }
    settled()
  }

  #done(id: string | null, data: unknown): void {
    if (id === null) return
    this.frame({ op: 'ok', in: this.#visitor.path, id, ...(data === undefined ? {} : { data }) })
  }

  #threw(id: string | null, error: unknown): void {
    if (error instanceof Denial) this.#refuse(error, id)
    else this.fail(error)
  }

  #refuse(denial: Denial, id: string | null): void {
    const { hub, contract, codec, place } = this.parts
    hub.emit({
      type: 'refused-message',
      contract: contract.path,
      status: denial.status,
      code: denial.reason,
      ...place,
    })
    const payload = codec.denial(denial, id, place.id)
    if (payload === null) this.end('denied', denial.closeCode, denialReason(denial))
    else this.#write(new Packet(payload))
  }

  #invalid(issue: string, id: string | null, code = 'invalid-message'): void {
    const denial = new Denial(400, code, issue)
    this.#punish(this.#judge.invalid(denial, this.parts.hub.clock.monotonic()), id)
  }

  #punish({ denial, ends }: Verdict, id: string | null): void {
    if (ends) this.end('abuse', denial.closeCode, denialReason(denial))
    else this.#refuse(denial, id)
  }

  #refuseInvalid({ issue, id, code, mismatch }: Command & { readonly do: 'invalid' }): void {
    if (!mismatch) return this.#invalid(issue, id, code)
    const { codec, place } = this.parts
    const denial = new Denial(400, 'invalid-message', issue, { closeCode: 1003 })
    if (codec.denial(denial, id, place.id) === null) this.end('abuse', 1003, denialReason(denial))
    else this.#invalid(issue, id)
  }

  /** A validator that throws is the programmer's fault: this socket ends, the error is reported. */
  #checked<T>(validate: () => T): T | null {
    try {
      return validate()
    } catch (error) {
      this.fail(error)
      return null
    } finally {
      this.#charge()
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
    const { hub, contract, place } = this.parts
    this.#ended = true
    this.#lost = isLoss(leave.why)
    this.#heartbeat.stop()
    if (leave.why !== 'peer' && leave.why !== 'lost') {
      this.#inbox?.close()
      this.#inside?.stop()
    }
    this.parts.vacate()
    this.#abort?.abort()
    this.#drains?.end(this.signal.reason)
    this.#turn()
    for (const call of this.#calls?.values() ?? []) call.abort()
    hub.emit({
      type: 'left',
      contract: contract.path,
      why: leave.why,
      code: leave.code,
      ms: Math.round(hub.clock.monotonic() - this.#since),
      ...place,
    })
    if (this.#inside === null) this.#left = leave
    else this.#gone = this.#goodbye(leave)
  }

  async #goodbye(leave: Leave): Promise<void> {
    try {
      // a turn later it is known whether `open`, which may have ended the socket itself, is still at work
      await Promise.resolve()
      await this.#opened?.catch(() => {})
      await this.#inbox?.drained()
      await this.#inside?.close(leave)
    } catch (error) {
      this.parts.hub.report(error, `closing ${this.parts.contract.path}`)
    }
  }
}

function conductOf(parts: OpeningParts): Conduct {
  const { hub, limits: own, messageBytes, account, isGuest } = parts
  const { limits, accounts, clock } = hub
  const limited = (limit: keyof Limits): void => tellLimit(parts, limit)
  return new Conduct({
    limits,
    own,
    messageBytes,
    accounts,
    account,
    isGuest,
    now: clock.monotonic(),
    limited,
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

function cancelled(): never {
  throw new Denial(499, 'cancelled', 'the call was cancelled')
}

/** A promise of whatever make: query builders answer their own, which run only when they are awaited. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isRecord(value) && typeof value['then'] === 'function'
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
