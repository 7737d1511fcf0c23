import type { Payload } from '../../wire/body.ts'
import { Denial } from '../../wire/errors.ts'
import { isRecord, parseJson } from '../../wire/json.ts'
import type { Awaitable } from '../runtime/awaitable.ts'
import { type AuthRequest, authRequest } from '../api/handshake.ts'
import { type ServerHandshake, serverContext } from '../server-context.ts'
import type { Timer } from '../../wire/clock.ts'
import type { Connection, Receiver } from '../api/connection.ts'
import { orThrow } from '../access/authenticator.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import { explicitCredentials } from '../access/credentials.ts'
import { answeredProtocol, sayDenied } from '../access/denial-response.ts'
import { protocolName } from '../../wire/carrier.ts'
import { asDenial, emitDenied } from './admit.ts'
import { type Arrival, authenticateAndAuthorize } from './authorize-peer.ts'

/** A connection that was accepted, and how it gets its final receiver. */
export interface AcceptedConnection {
  readonly connection: Connection
  listen(peer: FirstReceiver): void
}

/** A receiver that can have its first message checked before the message is decoded. */
export type FirstReceiver = Receiver & { first: Heard }

/** How an endpoint goes on with a peer that was authorized. */
export interface Registering {
  /** Registers an authorized peer, and runs the endpoint. It answers or throws the refusal, if there is one. */
  register(authorized: AuthorizedPeer | Denial, accept: () => AcceptedConnection): Awaitable<Denial | null>
  /** Follows the work in a trace. It answers or throws the refusal, if there is one. */
  trace(work: () => Awaitable<Denial | null>): Awaitable<Denial | null>
}

/**
 * Whether this peer may authenticate by its first message: first messages are switched on, and the peer has
 * sent no credential of another kind.
 */
export function mayAuthenticateLate({ context, handshake }: Arrival): boolean {
  if (context.carriers.message !== true) return false
  const { credentials, known } = handshake[authRequest]
  return credentials.explicit === null && known === undefined
}

/**
 * Opens an endpoint for a peer that may send its credential as the first message. Cookies are tried first.
 *
 * @returns the refusal of the cookies, except for the want of a credential; a first message is refused here
 */
export async function openAfterFirstMessage(
  arrival: Arrival,
  { register, trace }: Registering,
): Promise<Denial | null> {
  const { handshake, context, endpoint } = arrival
  const { message: messageBytes } = endpoint.options.limits
  const authorized = await authenticateAndAuthorize(arrival, handshake[authRequest])
  if (!(authorized instanceof Denial && authorized.status === 401))
    return trace(() => register(authorized, () => acceptedWatchingFirst(handshake, messageBytes)))
  const first = new FirstMessage(handshake)
  const openLate = async (): Promise<Denial | null> => {
    const late = await authenticateAndAuthorize(arrival, await first.authRequest())
    return register(late, () => first.accept(messageBytes ?? context.limits.messageBytes))
  }
  try {
    orThrow(await trace(() => first.waitFor(openLate())))
  } catch (error) {
    const denial = arrival.refusal(asDenial(error))
    emitDenied(handshake, denial)
    first.refuse(denial)
  }
  // a first message is refused here: the handshake itself was accepted
  return null
}

/**
 * Accepts a peer that was authenticated without the first message that it may send: a credential in that
 * message must not reach a handler.
 */
function acceptedWatchingFirst(
  handshake: ServerHandshake,
  messageBytes: number | undefined,
): AcceptedConnection {
  const connection = handshake.accept(answeredProtocol(handshake.protocols), messageBytes)
  // in a frame a credential has its own op, so it is no message
  const isFramed = connection.protocol === protocolName
  return {
    connection,
    listen: (peer) => connection.listen(isFramed ? peer : refusingCredential(peer)),
  }
}

/**
 * A peer that was accepted before it was authenticated. One message with a credential is read,
 * `{"type":"auth","token":"..."}` or `{"op":"auth","token":"..."}`, and nothing after it until authentication
 * and authorization have settled. The message has one time limit, authentication and authorization another.
 */
export class FirstMessage implements Receiver {
  readonly #handshake: ServerHandshake
  readonly #connection: Connection
  readonly #first = Promise.withResolvers<Payload>()
  readonly #over = Promise.withResolvers<never>()
  /** Tells an authenticator that its result is not needed any more. */
  readonly #abort = new AbortController()
  #time: Timer
  #isOver: Denial | null = null
  #got = false
  #ended: { readonly code: number; readonly reason: string } | null = null
  #target: Receiver | null = null

  /** Accepts the handshake. @throws Denial 499 when the peer has gone */
  constructor(handshake: ServerHandshake) {
    const { limits } = handshake[serverContext]
    this.#handshake = handshake
    this.#connection = handshake.accept(answeredProtocol(handshake.protocols), limits.firstMessageBytes)
    this.#over.promise.catch(() => {})
    this.#time = this.#within(limits.firstMessageMs, 'no credential came in time')
    this.#connection.listen(this)
  }

  /**
   * The request for an authenticator, with the credential of the first message. @throws Denial 401 when that
   * message holds no credential
   */
  async authRequest(): Promise<AuthRequest> {
    const token = tokenOf(await this.#first.promise, this.#handshake[serverContext].limits.messageValues)
    if (token === null) throw new Denial(401, 'unauthenticated', 'the first message must be a credential')
    // the request of a transport may compute its fields on demand, so they are copied by name
    const { id, url, path, headers, origin, address } = this.#handshake[authRequest]
    const credentials = explicitCredentials({ scheme: 'bearer', value: token, carrier: 'message' })
    return { id, url, path, headers, origin, address, signal: this.#abort.signal, credentials }
  }

  /** Waits for a promise, no longer than the peer is there and its time lasts. @throws Denial 408 and 499 */
  async waitFor<T>(work: Promise<T>): Promise<T> {
    try {
      return await Promise.race([work, this.#over.promise])
    } finally {
      this.#time.cancel()
    }
  }

  /** The connection, for its final receiver. @throws Denial 408 or 499 when it is too late */
  accept(messageBytes: number): AcceptedConnection {
    if (this.#isOver !== null) throw this.#isOver
    this.#connection.bound(messageBytes)
    return { connection: this.#connection, listen: (receiver) => this.#hand(receiver) }
  }

  refuse(denial: Denial): void {
    sayDenied(this.#connection, this.#handshake, denial)
  }

  message(payload: Payload, bytes: number): void {
    if (this.#target !== null) return this.#target.message(payload, bytes)
    // nothing more is delivered until authorization has settled, except when the peer leaves: then it was
    // never accepted
    if (this.#got) return
    this.#got = true
    this.#connection.pause()
    this.#time.cancel()
    this.#time = this.#within(
      this.#handshake[serverContext].limits.handshakeMs,
      'the handshake took too long',
    )
    this.#first.resolve(payload)
  }

  alive(): void {
    this.#target?.alive()
  }

  closed(code: number, reason: string): void {
    this.#ended = { code, reason }
    if (this.#target !== null) return this.#target.closed(code, reason)
    this.#giveUp(new Denial(499, 'gone', 'the peer has gone', { detail: `closed with ${code}` }))
  }

  #within(ms: number, message: string): Timer {
    return this.#handshake[serverContext].clock.after(ms, () =>
      this.#giveUp(new Denial(408, 'timeout', message)),
    )
  }

  #giveUp(denial: Denial): void {
    this.#isOver ??= denial
    this.#abort.abort(denial)
    this.#over.reject(denial)
  }

  /** Delivers after this turn, in which the new receiver sends its greeting. */
  #hand(receiver: Receiver): void {
    queueMicrotask(() => {
      this.#target = receiver
      if (this.#ended === null) this.#connection.resume()
      else receiver.closed(this.#ended.code, this.#ended.reason)
    })
  }
}

/**
 * A receiver for a peer that was authenticated already, as a guest or by a cookie. A first message with a
 * credential then comes too late to authenticate. It must not reach a handler, which might send it to other
 * peers, so it ends the socket.
 */
function refusingCredential(receiver: FirstReceiver): Receiver {
  let isFirst = true
  return {
    message(payload, bytes) {
      if (!isFirst) return receiver.message(payload, bytes)
      isFirst = false
      receiver.first(payload, bytes, assertNoCredential)
    },
    alive: () => receiver.alive(),
    closed: (code, reason) => receiver.closed(code, reason),
  }
}

/**
 * Takes a first message within all limits, and has it checked before it is decoded. An error of the check
 * ends the socket.
 */
type Heard = (payload: Payload, bytes: number, look: (payload: Payload, maxValues: number) => void) => void

/** @throws Denial 400 when it is a credential, or looks like one and cannot be decoded */
function assertNoCredential(payload: Payload, maxValues: number): void {
  if (typeof payload !== 'string') return
  const parsed = parseJson(payload, maxValues)
  const isCredential = parsed.ok
    ? tokenIn(parsed.value) !== null
    : payload.trimStart().startsWith('{') && marks.every((mark) => payload.includes(mark))
  if (isCredential)
    throw new Denial(400, 'unexpected-credential', 'you are connected already without a credential')
}

/**
 * What an object contains that is a credential but malformed, or has too many values to be decoded: an
 * endpoint of text would otherwise get it.
 */
const marks = ['"auth"', '"token"']

function tokenOf(payload: Payload, maxValues: number): string | null {
  const parsed = typeof payload === 'string' ? parseJson(payload, maxValues) : null
  return parsed?.ok === true ? tokenIn(parsed.value) : null
}

function tokenIn(value: unknown): string | null {
  const { type, op, token } = isRecord(value) ? value : {}
  return (type ?? op) === 'auth' && typeof token === 'string' && token !== '' ? token : null
}
