import type { Timer } from '../../wire/clock.ts'
import { retryAfterClose } from '../../wire/close.ts'
import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import { denialReason } from '../access/denial-response.ts'
import { keysOf, type OpenSocket, type SocketKeys } from '../access/registry.ts'
import type { RecheckOutcome, SharedRechecks } from '../access/revalidation-result.ts'
import { type Connection, Packet } from '../api/connection.ts'
import type { AskReason, LeaveReason, SocketEvent } from '../api/events.ts'
import { isGuest, issuedOf } from '../api/identity.ts'
import type { Leave } from '../api/socket.ts'
import type { GroupMember } from '../groups/local-group.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'
import { bodyFor, sendingOf } from '../server-messenger.ts'
import { Dispatcher } from './dispatch.ts'
import { DrainWaiters } from './drain-waiters.ts'
import { Lease } from './lease.ts'
import type { Memberships } from './memberships.ts'
import type { ChannelHandler, NewIdentity, OpenChannel, OpenPeer, Registration } from './interfaces.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import { Revalidator } from './revalidation.ts'

/**
 * One opened endpoint on a connection: its params and grant, its memberships, its lease, and its handlers. A
 * channel ends once. After that, handlers may still run, and messages of a peer that has left may still wait
 * for them. Until the last of them is done the registry finds the channel, so that a loss of access reaches
 * it. An error in a handler goes to the sender, or to the reporter.
 */
export class ServerChannel implements OpenChannel, OpenSocket, GroupMember {
  readonly peer: OpenPeer
  readonly memberships: Memberships
  keys: SocketKeys
  #authorized: AuthorizedPeer
  /** The next five are made on demand: many sockets only listen, and few live longer than their lease. */
  #dispatcher: Dispatcher | null = null
  #revalidator: Revalidator | null = null
  #abort: AbortController | null = null
  #drains: DrainWaiters | null = null
  #turned: PromiseWithResolvers<void> | null = null
  #handler: ChannelHandler | null = null
  /** Settles when `open` has; `null` when it does not run. */
  #opening: Promise<void> | null = null
  #started = false
  #draining = false
  #ended = false
  /**
   * Whether access was lost, at the end of the channel or later. Handlers that still run then have no effect.
   */
  #lost = false
  /** Whether no handler runs for this channel any more, or the handlers that run have no effect. */
  #over = false
  #dropped = 0
  /** How the channel ended, if it ended before its handlers started. */
  #left: Leave | null = null
  /** Settles when `close` has, and all handlers before it; `null` where nothing has to be waited for. */
  #closing: Promise<void> | null = null
  /** `null` until access was confirmed first, and where the endpoint has no lease. */
  #lease: Lease | null = null
  #absolute: Timer | null = null
  #idle: Timer | null = null

  constructor(peer: OpenPeer, { authorized, memberships, keys }: Registration) {
    this.peer = peer
    this.memberships = memberships
    this.keys = keys
    this.#authorized = authorized
    peer.add(this)
  }

  get id(): string {
    return this.memberships.socket
  }

  get contract(): Contract {
    return this.peer.contract
  }

  get options(): ResolvedOptions {
    return this.peer.options
  }

  get path(): string {
    return this.#authorized.path
  }

  get connection(): Connection {
    return this.peer.connection
  }

  isSocket(id: string): boolean {
    return this.memberships.isOf(id)
  }

  get framed(): boolean {
    return this.peer.codec.framed
  }

  get authorized(): AuthorizedPeer {
    return this.#authorized
  }

  get dispatcher(): Dispatcher {
    if (this.#dispatcher !== null) return this.#dispatcher
    this.#dispatcher = new Dispatcher(this)
    if (this.#started && this.#handler !== null) this.#dispatcher.start(this.#handler)
    if (this.#draining) void this.#dispatcher.drain()
    return this.#dispatcher
  }

  get ended(): boolean {
    return this.#ended
  }

  get over(): boolean {
    return this.#over
  }

  /**
   * How many messages of the channel were thrown away before a handler saw them, since access ended or the
   * server closed it.
   */
  get dropped(): number {
    return this.#dropped
  }

  get isRenewable(): boolean {
    const { identity } = this.#authorized
    return isGuest(identity) || identity.renew !== undefined
  }

  /** Aborted when the channel has ended. Made on demand. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#ended) this.#abort.abort()
    return this.#abort.signal
  }

  isDatedAfter(wallMs: number): boolean {
    const issued = issuedOf(this.#authorized.identity)
    return issued !== null && issued > wallMs
  }

  isRevoked(): boolean {
    return this.peer.context.revocations.against(this.#authorized, this.memberships.tenant) !== null
  }

  isOvertaken(authorized: AuthorizedPeer): boolean {
    const keys = keysOf(authorized, this.memberships, this.peer.address)
    return this.peer.context.accessCommands.hasOvertaken(keys, authorized.accessVersion)
  }

  /**
   * Refuses to act for a handler whose access has ended. The `close` handler is allowed to send its last
   * messages. A task that a handler left running may outlive the channel and its entry in the registry, so
   * access is checked here again.
   *
   * @throws Denial 403 when access has ended
   */
  assertAllowed(): void {
    if (this.#handler?.isParting === true) return
    if (this.#lost || (this.#over && this.#isBarred()))
      throw new Denial(403, 'ended', 'access has ended: the server does nothing more for this socket')
  }

  tell(event: SocketEvent): void {
    const { context } = this.peer
    if (context.isHeard(event.type))
      context.emit({ ...event, contract: this.contract.path, ...this.peer.info })
  }

  /** Runs `open`, then everything that has arrived meanwhile. */
  start(handler: ChannelHandler): void {
    this.#handler = handler
    if (this.#left !== null) return this.#settle(this.#left)
    try {
      const opened = handler.open()
      if (isThenable(opened)) this.#opening = this.#startAfter(opened, handler)
      else this.#begin(handler)
    } catch (error) {
      this.#failToOpen(error)
    }
  }

  async #startAfter(opened: PromiseLike<unknown>, handler: ChannelHandler): Promise<void> {
    try {
      await opened
      this.#begin(handler)
    } catch (error) {
      this.#failToOpen(error)
    } finally {
      this.#opening = null
    }
  }

  #begin(handler: ChannelHandler): void {
    this.#started = true
    this.#dispatcher?.start(handler)
  }

  #failToOpen(error: unknown): void {
    this.fail(error)
    // no handler will take the messages that waited for `open`, also when the peer has left and `open` was
    // cancelled
    if (this.#ended) this.#cutOff('peer')
  }

  /** Forgets a channel whose handlers could not be made. */
  abandon(): void {
    if (this.#handler === null) this.#forget()
  }

  /**
   * Sends to this socket alone; the arguments are those of `socket.send`. Returns whether the queue has room
   * for more.
   */
  send(args: readonly unknown[]): boolean {
    const { codec, context, connection } = this.peer
    const sending = sendingOf(this.contract, args, context.checkOutgoing)
    const { type, shape, options } = sending
    const payload = codec.message(this.path, type, bodyFor(sending))
    const slow = options.slow ?? shape.rules.slow
    const key = slow === 'latest' ? `${type ?? ''}/${options.key ?? ''}` : ''
    this.peer.write(new Packet(payload, slow, key))
    return !this.#ended && !connection.isFull
  }

  /**
   * Resolves when the peer has read most of the queue.
   *
   * @throws (rejects with) an AbortError when the socket ends
   */
  drained(): Promise<void> {
    const { connection, context } = this.peer
    this.#drains ??= new DrainWaiters({
      connection,
      timers: context.timers,
      withinMs: context.limits.outboundMs,
      late: () => this.#tooSlow(),
    })
    const drained = this.#drains.wait()
    if (this.#ended) this.#drains.end(this.signal.reason)
    return drained
  }

  /** Settles when the grant changes or the socket ends. */
  turned(): Promise<void> {
    this.#turned ??= Promise.withResolvers<void>()
    return this.#turned.promise
  }

  /** Starts the timers that end or recheck access: lease, idle time and absolute time. */
  startTimers(): void {
    const { absoluteMs, idleMs } = this.options.span
    this.confirmed()
    if (absoluteMs !== null)
      this.#absolute = this.peer.context.timers.after(absoluteMs, () =>
        this.expire('absolute', 4401, 'expired: this socket has reached its longest time'),
      )
    if (idleMs !== null) this.#watchIdle(idleMs)
  }

  become(authorized: AuthorizedPeer): void {
    this.#authorized = authorized
    this.peer.become(authorized.identity)
    const keys = keysOf(authorized, this.memberships, this.peer.address)
    this.peer.context.registry.move(this, keys)
  }

  confirmed(): void {
    this.peer.armExpiry()
    const { leaseMs } = this.options.span
    if (leaseMs !== null) (this.#lease ??= new Lease(this, leaseMs)).begin()
  }

  unanswered(denial: Denial, why: AskReason): RecheckOutcome {
    if (denial.cause !== undefined)
      this.peer.context.repeatedFaults.tell(
        denial.cause,
        denial.detail ?? 'authenticating or authorizing again',
      )
    const { status, reason: code, detail } = denial
    this.tell({ type: 'unanswered', why, status, code, detail })
    if (this.options.span.leaseMs === null) {
      this.end('denied', denial.closeCode, denialReason(denial))
      return 'closed'
    }
    this.#lease?.retry()
    return 'kept'
  }

  changed(grant: unknown, before: unknown, told: unknown): void {
    this.#turn()
    try {
      if (told !== undefined) this.peer.frame({ op: 'changed', in: this.path, grant: told })
      const changing = this.#handler?.change(grant, before)
      if (isThenable(changing)) Promise.resolve(changing).catch((error: unknown) => this.fail(error))
    } catch (error) {
      this.fail(error)
    }
  }

  revalidate(
    why: AskReason,
    rechecks: SharedRechecks = this.peer.context.sharedRechecks,
  ): Promise<RecheckOutcome> {
    return this.#revalidation.recheck(why, rechecks)
  }

  refresh(fresh: NewIdentity): Promise<RecheckOutcome> {
    return this.#revalidation.refresh(fresh)
  }

  async recheck(rechecks: SharedRechecks): Promise<RecheckOutcome> {
    // a channel that ended while other channels were rechecked was not closed by this recheck
    return this.#over ? 'kept' : this.revalidate('recheck', rechecks)
  }

  expire(cause: 'credential' | 'idle' | 'absolute', code: number, reason: string): void {
    this.tell({ type: 'expired', cause })
    this.end('expired', code, reason)
  }

  evict(by: string): void {
    if (!this.#ended) this.tell({ type: 'evicted', by })
    this.end('evicted', 4409, 'replaced: you have opened too many connections since')
  }

  fail(error: unknown): void {
    if (error instanceof Denial) return this.end('denied', error.closeCode, denialReason(error))
    // the abort of a wait that the end of the socket has aborted is no fault
    if (this.#ended && isAbort(error)) return
    this.peer.context.report(error, `running ${this.contract.path}`)
    this.end('fault', 1011, 'internal error')
  }

  /**
   * Ends the channel, once. It first leaves its groups, so that nothing more is sent to it, then closes the
   * connection and calls `close`. When the channel had ended already, this stops the handlers that still run
   * for it.
   */
  end(why: LeaveReason, code: number, reason: string): void {
    if (this.#ended) return this.#cutOff(why)
    this.peer.close(code, reason)
    this.leave({ why, code, mayReturn: retryAfterClose(code) === 'retry' })
  }

  /**
   * Takes no more messages, waits for the running handler, and closes with 1012 and a time to come back.
   * Settles when the last handler has settled, also for a peer that has left.
   */
  async drain(retryAfterMs: number): Promise<void> {
    this.#draining = true
    const drained = this.#dispatcher?.drain()
    this.peer.frame({ op: 'bye', retryAfterMs })
    await this.#opening
    await drained
    await this.#handler?.rested()
    this.end('drain', 1012, 'restart')
    // a turn later it is known whether the end has to wait
    await Promise.resolve()
    await this.#closing
  }

  leave(leave: Leave): void {
    const { why, code } = leave
    const { context, since } = this.peer
    this.#ended = true
    this.peer.end()
    const dropped = why === 'peer' || why === 'lost' ? 0 : this.#drop()
    if (isLoss(why)) this.#silence()
    context.registry.leave(this)
    if (isLoss(why)) this.memberships.hide()
    this.memberships.release()
    this.#abort?.abort()
    this.#drains?.end(this.signal.reason)
    this.#turn()
    this.#dispatcher?.cancelCalls()
    this.tell({ type: 'left', why, code, ms: Math.round(context.clock.monotonic() - since) })
    if (dropped > 0) this.tell({ type: 'dropped', why, messages: dropped })
    if (this.#handler === null) this.#left = leave
    else this.#settle(leave)
  }

  get #revalidation(): Revalidator {
    return (this.#revalidator ??= new Revalidator(this))
  }

  #isBarred(): boolean {
    return this.peer.hasExpired || this.isRevoked() || this.isOvertaken(this.#authorized)
  }

  #watchIdle(idleMs: number): void {
    const { timers, clock } = this.peer.context
    const { since } = this.peer
    const heardAt = Math.max(since, this.#dispatcher?.heardAt ?? since)
    const left = heardAt + idleMs - clock.monotonic()
    if (left <= 0) return this.expire('idle', 4408, 'idle: no message came from you for too long')
    this.#idle = timers.after(left, () => this.#watchIdle(idleMs))
  }

  /**
   * A peer that reads a little from time to time must not occupy a handler and its memory for as long as it
   * likes.
   */
  #tooSlow(): void {
    this.peer.tellLimit('outboundMs')
    this.end('slow', 4508, 'too-slow: you read more slowly than the endpoint sends')
  }

  #turn(): void {
    this.#turned?.resolve()
    this.#turned = null
  }

  /** Stops the rest of a channel that had ended, because access has ended too or the server closes it. */
  #cutOff(why: LeaveReason): void {
    if (this.#over) return
    const messages = this.#drop()
    // an eviction makes room for a new connection, so nothing of the old one may remain
    if (isLoss(why) || why === 'evicted') this.#silence()
    if (messages > 0 || this.#over) this.tell({ type: 'dropped', why, messages })
  }

  /** Throws away the messages that no handler has seen. */
  #drop(): number {
    const dropped = (this.#dispatcher?.close() ?? 0) + (this.#handler?.stop() ?? 0)
    this.#dropped += dropped
    return dropped
  }

  /** Takes all effect from the handlers that still run. */
  #silence(): void {
    this.#lost = true
    this.#forget()
  }

  #forget(): void {
    this.#over = true
    this.#lease?.stop()
    this.#absolute?.cancel()
    this.#idle?.cancel()
    this.peer.delete(this)
    this.peer.context.registry.delete(this)
  }

  /**
   * Calls `close` when no handler runs any more: in a later turn at the earliest, because the handler that ended the
   * socket may still run.
   */
  #settle(leave: Leave): void {
    const { context, account } = this.peer
    context.backlog.orphan(account)
    queueMicrotask(() => {
      const isIdle = this.#opening === null && this.#dispatcher?.isIdle !== false
      const closing = isIdle ? this.#close(leave) : this.#closeAfterHandlers(leave)
      if (isThenable(closing)) this.#closing = closing
    })
  }

  async #closeAfterHandlers(leave: Leave): Promise<void> {
    await this.#opening
    await this.#dispatcher?.drained()
    await this.#close(leave)
  }

  #close(leave: Leave): Awaitable<void> {
    try {
      const closing = this.#handler?.close(leave)
      if (isThenable(closing)) return this.#closeLater(closing)
    } catch (error) {
      this.#failToClose(error)
    }
    this.#settled()
  }

  async #closeLater(closing: PromiseLike<unknown>): Promise<void> {
    try {
      await closing
    } catch (error) {
      this.#failToClose(error)
    }
    this.#settled()
  }

  #failToClose(error: unknown): void {
    this.peer.context.report(error, `closing ${this.contract.path}`)
  }

  #settled(): void {
    const { context, account } = this.peer
    context.backlog.settle(account)
    this.#forget()
  }
}

/** Whether the socket ended because the peer lost access, or because access could not be checked. */
function isLoss(why: LeaveReason): boolean {
  return why === 'revoked' || why === 'denied' || why === 'expired'
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
