import type { Payload } from '../../wire/body.ts'
import { protocolName } from '../../wire/carrier.ts'
import type { Timer } from '../../wire/clock.ts'
import { retryAfterClose } from '../../wire/close.ts'
import type { Contract } from '../../wire/contract.ts'
import { encodeFrame, glimpseId, type ServerFrame } from '../../wire/frame.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import type { SocketKeys } from '../access/registry.ts'
import type { Arrival } from '../admission/authorize-peer.ts'
import { identityInfoOf } from '../admission/peer-info.ts'
import { type Connection, Packet, type Receiver } from '../api/connection.ts'
import type { LeaveReason, PeerInfo, SocketEvent } from '../api/events.ts'
import { endOf, type Identity, isGuest } from '../api/identity.ts'
import type { Limits } from '../api/limits.ts'
import { firstOf, type OneOrMore, valuesOf, withoutValue, withValue } from '../runtime/one-or-more.ts'
import type { ServerContext } from '../server-context.ts'
import { type Codec, frameCodec, type PeerCommand } from './codec.ts'
import { CredentialRefresh } from './credential-refresh.ts'
import { Heartbeat } from './heartbeat.ts'
import { type ExpiringPeer, IdentityExpiry } from './identity-expiry.ts'
import { MessageLimiter } from './message-limiter.ts'
import type { EncodedFrame, OpenChannel, Registration } from './interfaces.ts'
import type { ResolvedOptions } from './resolved-options.ts'

/**
 * Checks a message before it is decoded; its JSON may hold at most `maxValues` values. An error that it
 * throws ends the socket.
 */
type PayloadCheck = (payload: Payload, maxValues: number) => void

/** A handshake for the endpoint with which the peer comes in. */
type PeerArrival = Arrival<{ readonly contract: Contract; readonly options: ResolvedOptions }>

/**
 * One connection and the identity behind it. It reads and limits messages, and passes each one to its
 * channel. It renews the identity until the identity expires, and notices when the peer has gone. It keeps what events
 * tell of the handshake. It also keeps the URL without credentials for a peer that may be asked for a new
 * credential.
 */
export class Peer extends Heartbeat<ServerContext> implements ExpiringPeer, Receiver {
  readonly connection: Connection
  readonly codec: Codec
  readonly id: string
  readonly address: string
  readonly href: string
  readonly #path: string
  readonly #origin: string | null
  #info: PeerInfo | null = null
  readonly #endpoint: PeerArrival['endpoint']
  /** The keys of the handshake. */
  readonly #keys: SocketKeys
  /** The channels, that of the handshake first. A channel that ends leaves them. */
  #channels: OneOrMore<OpenChannel>
  /** When the connection was accepted, on the monotonic clock. */
  readonly #since: number
  #identity: Identity<unknown>
  #ended = false
  /** These are made on demand: many sockets only listen, and many identities have no end. */
  #limiter: MessageLimiter | null = null
  #refresh: CredentialRefresh | null = null
  #expiry: IdentityExpiry | null = null
  /** How many have paused reading. */
  #pauses = 0
  /** Set while nothing is read because too many bytes came. */
  #rest: Timer | null = null

  constructor({ handshake, context, endpoint }: PeerArrival, { authorized, keys, connection }: Registration) {
    super(context)
    this.#endpoint = endpoint
    this.connection = connection
    this.codec = connection.protocol === protocolName ? frameCodec : endpoint.options.plainCodec
    this.id = handshake.id
    this.address = handshake.address
    this.href = this.codec.framed ? handshake.href : ''
    this.#path = handshake.path
    this.#origin = handshake.origin === null ? null : context.origins.ofSockets.shared(handshake.origin)
    this.#keys = keys
    this.#identity = authorized.identity
    // a whole number of less than 31 bits takes no memory of its own
    this.#since = Math.floor(context.clock.monotonic())
  }

  get contract(): Contract {
    return this.#endpoint.contract
  }

  get options(): ResolvedOptions {
    return this.#endpoint.options
  }

  get account(): string {
    return this.#keys.account
  }

  /** The peer of the handshake, for events. Made on demand: it hashes the ids that may be secrets. */
  get info(): PeerInfo {
    return (this.#info ??= this.#makeInfo())
  }

  get channels(): Iterable<OpenChannel> {
    return valuesOf(this.#channels)
  }

  get authorized(): AuthorizedPeer {
    return this.#main.authorized
  }

  get signal(): AbortSignal {
    return this.#main.signal
  }

  get identity(): Identity<unknown> {
    return this.#identity
  }

  get endMs(): number | null {
    return endOf(this.#identity)
  }

  get isGuest(): boolean {
    return isGuest(this.#identity)
  }

  get since(): number {
    return this.#since
  }

  get ended(): boolean {
    return this.#ended
  }

  get limiter(): MessageLimiter {
    return (this.#limiter ??= this.#makeLimiter())
  }

  get messageBytes(): number {
    return this.options.limits.message ?? this.context.limits.messageBytes
  }

  get hasExpired(): boolean {
    const { endMs } = this
    return endMs !== null && endMs <= this.context.clock.now()
  }

  add(channel: OpenChannel): void {
    this.#channels = withValue(this.#channels, channel)
  }

  delete(channel: OpenChannel): void {
    this.#channels = withoutValue(this.#channels, channel)
    if (this.#channels === undefined) this.#expiry?.stop()
  }

  become(identity: Identity<unknown>): void {
    // events keep the names of the identity of the handshake
    this.#info = this.info
    this.#identity = identity
  }

  armExpiry(): void {
    if (this.#expiry !== null || this.endMs !== null) this.#identityExpiry.arm()
  }

  askForCredential(leftMs: number): void {
    this.#refreshing.ask(leftMs)
  }

  tell(event: SocketEvent): void {
    const { context } = this
    if (context.isHeard(event.type)) context.emit({ ...event, contract: this.contract.path, ...this.info })
  }

  tellLimit(limit: keyof Limits): void {
    const { context, contract, isGuest: guest } = this
    if (context.isHeard('limited'))
      context.emit({
        type: 'limited',
        limit,
        scope: scopeOf(limit, guest),
        contract: contract.path,
        ...this.info,
      })
  }

  frame(frame: ServerFrame | EncodedFrame): void {
    if (this.codec.framed) this.write(new Packet('encoded' in frame ? frame.encoded : encodeFrame(frame)))
  }

  write(packet: Packet): void {
    if (!this.#ended) this.connection.send(packet)
  }

  /**
   * Ends the connection for all its channels. When the transport fails to close it, the connection is
   * terminated, and other connections are not affected.
   */
  close(code: number, reason: string): void {
    try {
      this.connection.close(code, reason)
    } catch (error) {
      this.context.report(error, `closing a socket of ${this.contract.path}`)
      this.connection.terminate()
    }
  }

  end(): void {
    this.#ended = true
    this.#rest?.cancel()
    this.stopTimer()
  }

  message(payload: Payload, bytes: number): void {
    this.#hear(payload, bytes, null)
  }

  /** Reads a first message that has to be checked before it is decoded: see `refusingCredential`. */
  first(payload: Payload, bytes: number, check: PayloadCheck): void {
    this.#hear(payload, bytes, check)
  }

  override ping(): void {
    if (this.codec.framed) this.frame({ op: 'ping' })
    else this.connection.ping()
  }

  /** Reading is paused while too much waits for handlers, or more bytes came than the rate allows. */
  override get paused(): boolean {
    return this.#pauses > 0
  }

  /** Stops reading until each caller that has paused it has resumed it. */
  pause(): void {
    if (++this.#pauses === 1) this.connection.pause()
  }

  resume(): void {
    if (--this.#pauses === 0) this.connection.resume()
  }

  override get progress(): number {
    return this.connection.progress
  }

  override get isBehind(): boolean {
    return this.connection.isBehind
  }

  override stuck(): void {
    this.tellLimit('outboundMs')
    this.#endAll('slow', 4508, 'too-slow: you read more slowly than the endpoint sends')
  }

  override lost(): void {
    this.#endAll('lost', 4408, 'nothing was received in time')
  }

  closed(code: number, _reason: string): void {
    if (this.#ended) return
    const limit = limitOf(code)
    if (limit !== null) this.tellLimit(limit)
    const leave = { why: whyOf(code), code, mayReturn: retryAfterClose(code) === 'retry' }
    for (const channel of this.channels) channel.leave(leave)
  }

  #hear(payload: Payload, bytes: number, check: PayloadCheck | null): void {
    if (this.#ended) return
    this.alive()
    // after the process was stopped, or the clock has jumped, messages may be read before the timer of the
    // expiry has run
    if (this.hasExpired) return this.#identityExpiry.expire()
    const { codec, context, options, limiter } = this
    const at = context.clock.monotonic()
    const verdict = limiter.message(bytes, at)
    if (verdict !== null) {
      this.#restFor(verdict.restMs)
      return this.#main.dispatcher.punish(verdict, codec.framed ? glimpseId(payload) : null)
    }
    const maxValues = options.limits.values ?? context.limits.messageValues
    try {
      check?.(payload, maxValues)
    } catch (error) {
      limiter.charge(context.clock)
      return this.#main.fail(error)
    }
    this.#route(codec.read(payload, maxValues), bytes, at)
    limiter.charge(context.clock)
  }

  /**
   * Reads nothing for a while. A refused message was read from the network all the same, and that costs other
   * users too.
   */
  #restFor(ms: number): void {
    if (ms === 0 || this.#rest !== null) return
    this.pause()
    this.#rest = this.context.timers.after(ms, () => {
      this.#rest = null
      this.resume()
    })
  }

  /** Leads a command to its channel. */
  #route(command: PeerCommand, bytes: number, at: number): void {
    if (command.do === 'ping') return this.frame({ op: 'pong' })
    if (command.do === 'refresh') return void this.#refreshing.take(command)
    if (command.do === 'invalid') return this.#main.dispatcher.refuseInvalid(command)
    if (command.do === 'pong' || command.do === 'nothing') return
    const channel = command.in === null ? this.#main : this.#channelAt(command.in)
    if (channel === undefined) return this.#main.dispatcher.refuseInvalid(notOpen(command.id))
    if (command.do === 'cancel') channel.dispatcher.cancel(command.id)
    else channel.dispatcher.take(command, bytes, at)
  }

  #channelAt(path: unknown): OpenChannel | undefined {
    for (const channel of this.channels) if (channel.path === path) return channel
    return undefined
  }

  /** The channel of the handshake. It answers for payloads that name no channel. */
  get #main(): OpenChannel {
    const channel = firstOf(this.#channels)
    if (channel === undefined) throw new TypeError('nothing is open on this connection')
    return channel
  }

  get #refreshing(): CredentialRefresh {
    return (this.#refresh ??= new CredentialRefresh(this))
  }

  get #identityExpiry(): IdentityExpiry {
    return (this.#expiry ??= new IdentityExpiry(this))
  }

  #makeInfo(): PeerInfo {
    const { id, address, context } = this
    const known = identityInfoOf(context, this.#keys.subject, this.#identity)
    return { id, path: this.#path, address, origin: this.#origin, ...known }
  }

  #makeLimiter(): MessageLimiter {
    const { context, options, messageBytes, account } = this
    const { limits, accounts, clock, registry } = context
    return new MessageLimiter({
      limits,
      own: options.limits,
      messageBytes,
      accounts,
      account,
      guests: this.isGuest ? () => registry.countOf(this.#keys) : null,
      since: this.#since,
      now: clock.monotonic(),
      limited: (limit) => this.tellLimit(limit),
    })
  }

  #endAll(why: LeaveReason, code: number, reason: string): void {
    for (const channel of this.channels) channel.end(why, code, reason)
  }
}

function notOpen(id: string | null): PeerCommand & { readonly do: 'invalid' } {
  const issue = `nothing is open at that 'in' on this connection`
  return { do: 'invalid', code: 'invalid-message', issue, id, mismatch: false }
}

function whyOf(code: number): LeaveReason {
  if (code === 1006) return 'lost'
  if (code === 4508) return 'slow'
  return code === 1009 || code === 1002 || code === 1007 ? 'abuse' : 'peer'
}

/** The limit that a transport reports with this close code. */
function limitOf(code: number): keyof Limits | null {
  if (code === 1009) return 'messageBytes'
  return code === 4508 ? 'outboundBytes' : null
}

const accountLimits: ReadonlySet<keyof Limits> = new Set([
  'identityRate',
  'identityByteRate',
  'guestRate',
  'guestByteRate',
  'validation',
  'waitingBytes',
] as const)

/** What shares the count of a limit. */
function scopeOf(limit: keyof Limits, guest: boolean): 'socket' | 'identity' | 'address' {
  if (accountLimits.has(limit)) return guest ? 'address' : 'identity'
  return limit === 'invalidMessages' && !guest ? 'identity' : 'socket'
}
