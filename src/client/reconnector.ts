import type { Payload } from '../wire/body.ts'
import { protocolName } from '../wire/carrier.ts'
import { retryAfterClose } from '../wire/close.ts'
import { isRecord } from '../wire/json.ts'
import { encodeFrame, type RawFrame, type Refusal } from '../wire/frame.ts'
import { requestCredential } from './request-credential.ts'
import { Backoff, type BackoffRange } from './backoff.ts'
import type { Clock, Timer } from '../wire/clock.ts'
import type { Carried, CredentialSource } from './credentials.ts'
import { type ConnectionEnd, ClientConnection } from './client-connection.ts'
import { denialOf, refusalOf, refusalOfClose } from './refusal.ts'
import { endpointUrl } from './url.ts'
import { onWake, type WakeScope } from './wake.ts'
import type { WebSocketClass, WebSocketLike } from './web-socket.ts'

/** What all connections of a client share. */
export interface Settings {
  readonly base: string
  readonly credentials: CredentialSource
  readonly WebSocket: WebSocketClass
  readonly clock: Clock
  readonly backoff: BackoffRange
  readonly report: (error: unknown, doing: string) => void
  /** Called with each step; `undefined` when no output was asked for. */
  readonly debug: ((line: string) => void) | undefined
}

/** The state of a connection; the frame `opened` tells that it is open. */
export type Status =
  | { readonly state: 'connecting' }
  | { readonly state: 'waiting'; readonly retryAt: number; readonly failure: string }
  | { readonly state: 'denied'; readonly denial: Refusal }
  | { readonly state: 'closed'; readonly failure: string | null }

/** The receiver of a connection's frames: the subscription that is opened on it. */
export interface ReconnectorListener {
  status(status: Status): void
  frame(frame: RawFrame): void
}

/** A connection that was open for a shorter time does not set the back-off back. */
const goodMs = 5_000
/** The longest delay that a server may ask for. */
const longestWaitMs = 3_600_000
/** After so many attempts in a row that reached no server, the client waits longer. */
const patientAfter = 5
/** Bytes that may wait in the socket before more is refused. */
const clogBytes = 1_048_576

/**
 * Keeps a connection to one address. It requests a credential and connects. After a close it waits and
 * connects again, or stops, as the close code says. The subscription on it receives the states and frames.
 */
export class Reconnector {
  readonly #path: string
  readonly #settings: Settings
  readonly #listener: ReconnectorListener
  readonly #url: URL
  readonly #backoff: Backoff
  readonly #unwake: () => void
  #attempt: AbortController = new AbortController()
  #over = false
  #connection: ClientConnection | null = null
  #retry: Timer | null = null
  #openedAt: number | null = null
  /** Attempts so far that reached no server; `null` once one did: that a server was there is known then. */
  #unreachedAttempts: number | null = 0
  /** Whether the credential in use was asked for because the one before was refused. */
  #renewed = false
  /**
   * The refusal with which the server closed the connection whose credential is now renewed. It tells more
   * than a missing credential.
   */
  #closeRefusal: Refusal | null = null
  /** Whether the server itself named the delay: a wake does not shorten it. */
  #asTold = false

  /** @throws TypeError when the client's url is malformed */
  constructor(path: string, settings: Settings, listener: ReconnectorListener) {
    this.#path = path
    this.#settings = settings
    this.#listener = listener
    this.#url = endpointUrl(settings.base, path)
    this.#backoff = new Backoff(settings.backoff)
    // a runtime has these globals in this shape or not at all; types that fit every runtime leave them out
    this.#unwake = onWake(() => this.#wake(), globalThis as WakeScope)
  }

  /** Begins; once. */
  start(): void {
    void this.#try()
  }

  /** Whether so much waits to be sent already that more would only grow the heap. */
  get isFull(): boolean {
    return (this.#connection?.waitingBytes ?? 0) > clogBytes
  }

  /** Writes a frame to the open connection. @returns false when it is larger than the server takes */
  write(payload: Payload): boolean {
    const connection = this.#connection
    if (connection === null || isLarger(payload, connection.limit)) return false
    connection.write(payload)
    return true
  }

  /** Ends it from this side, for good. */
  close(): void {
    this.#connection?.close()
    this.#stop({ state: 'closed', failure: null })
  }

  async #try(): Promise<void> {
    const { credentials, clock } = this.#settings
    this.#retry?.cancel()
    this.#retry = null
    this.#attempt.abort()
    this.#attempt = new AbortController()
    this.#tell({ state: 'connecting' })
    const question = { path: this.#path, renew: this.#renewed, attempt: this.#attempt, clock }
    const answer = await requestCredential(credentials, question)
    if (this.#over) return
    if ('refusal' in answer)
      return this.#stop({ state: 'denied', denial: this.#closeRefusal ?? answer.refusal })
    if ('carried' in answer) return this.#dial(answer.carried)
    const { error, retryAfterMs } = answer
    this.#fail(error, `asking for a credential failed: ${nameOf(error)}`, retryAfterMs)
  }

  #dial({ protocols = [], query, headers }: Carried): void {
    const { WebSocket, clock, report } = this.#settings
    const url = new URL(this.#url)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    const offered = [protocolName, ...protocols]
    try {
      const connection = new ClientConnection(
        made(WebSocket, url.href, { protocols: offered, headers }),
        clock,
        {
          frame: (frame) => this.#frame(frame),
          ended: (end) => this.#ended(end),
          garbled: () => report(new Error('the server sent data that is no frame'), 'reading a frame'),
        },
      )
      this.#connection = connection
    } catch (error) {
      // the platform's message repeats the URL or the subprotocol, and with them the credential
      const failure = `the WebSocket could not be made: ${nameOf(error)}`
      this.#fail(new Error(failure), failure)
    }
  }

  #frame(frame: RawFrame): void {
    if (frame.op === 'opened') {
      this.#settings.debug?.(`${this.#path} open`)
      this.#openedAt ??= this.#settings.clock.monotonic()
      this.#closeRefusal = null
    }
    if (frame.op === 'ask') void this.#refresh(frame)
    else if (frame.op !== 'auth') this.#listener.frame(frame)
    else if (isRecord(frame['refused']))
      this.#settings.report(denialOf(refusalOf(frame['refused'])), 'sending a new credential')
  }

  /**
   * Answers the server that asks for a new credential. Without an answer the connection ends with the old
   * credential.
   */
  async #refresh({ nonce }: RawFrame): Promise<void> {
    const { credentials, clock, report } = this.#settings
    const connection = this.#connection
    this.#attempt.abort()
    const attempt = (this.#attempt = new AbortController())
    const answer = await requestCredential(credentials, { path: this.#path, renew: true, attempt, clock })
    if (this.#connection !== connection || this.#attempt !== attempt) return
    if ('error' in answer) report(answer.error, 'asking for a new credential failed')
    else if ('carried' in answer && answer.carried.refresh !== undefined)
      connection?.write(encodeFrame({ op: 'auth', nonce: String(nonce), ...answer.carried.refresh }))
  }

  #ended(end: ConnectionEnd): void {
    this.#connection = null
    if (end.reached) this.#unreachedAttempts = null
    else if (this.#unreachedAttempts !== null) this.#unreachedAttempts++
    if (this.#openedAt !== null && this.#settings.clock.monotonic() - this.#openedAt >= goodMs) {
      this.#backoff.reset()
      this.#renewed = false
    }
    this.#openedAt = null
    const next = retryAfterClose(end.code)
    if (next === 'retry') return this.#comeBack(end)
    if (next === 'stop' || this.#renewed) return this.#stop(stopped(end))
    this.#renewed = true
    this.#closeRefusal = end.refusal ?? refusalOfClose(end.code, end.reason)
    void this.#try()
  }

  #comeBack(end: ConnectionEnd): void {
    const { refusal, byeMs } = end
    const failure = refusal?.message ?? closedWith(end)
    const { random, minMs } = this.#settings.backoff
    if (byeMs === null) this.#backOff(failure, refusal?.retryAfterMs)
    else this.#wait(Math.max(minMs, random() * byeMs), failure, true)
  }

  #fail(error: unknown, failure: string, toldMs?: number): void {
    this.#backOff(failure, toldMs)
    this.#settings.report(error, failure)
  }

  #backOff(failure: string, toldMs = 0): void {
    const isPatient = (this.#unreachedAttempts ?? 0) >= patientAfter
    const delay = isPatient ? this.#backoff.slowest() : this.#backoff.next()
    this.#wait(Math.max(0, toldMs) + delay, failure, toldMs > 0)
  }

  #wait(ms: number, failure: string, asTold: boolean): void {
    const { clock } = this.#settings
    const delay = Math.min(ms, longestWaitMs)
    this.#asTold = asTold
    this.#retry = clock.after(delay, () => void this.#try())
    this.#tell({ state: 'waiting', retryAt: clock.now() + delay, failure })
  }

  #wake(): void {
    this.#connection?.probe()
    if (this.#retry !== null && !this.#asTold) void this.#try()
  }

  #stop(status: Status): void {
    this.#over = true
    this.#connection = null
    this.#attempt.abort()
    this.#retry?.cancel()
    this.#retry = null
    this.#unwake()
    this.#tell(status)
  }

  #tell(status: Status): void {
    this.#settings.debug?.(`${this.#path} ${JSON.stringify(status)}`)
    this.#listener.status(status)
  }
}

/**
 * Only `headers()` asks for headers. React Native's class and that of the package `ws` take them in a third argument,
 * Node's in an object in place of the second; a browser's takes none.
 */
function made(
  WebSocket: WebSocketClass,
  url: string,
  { protocols, headers }: { readonly protocols: string[]; readonly headers: Carried['headers'] },
): WebSocketLike {
  if (headers === undefined) return new WebSocket(url, protocols)
  if (WebSocket.length > 2) return new WebSocket(url, protocols, { headers })
  return new WebSocket(url, { protocols, headers } as unknown as string[])
}

function stopped(end: ConnectionEnd): Status {
  const denial = end.refusal ?? refusalOfClose(end.code, end.reason)
  if (denial !== null) return { state: 'denied', denial }
  return { state: 'closed', failure: end.code === 1000 ? null : closedWith(end) }
}

function closedWith({ code, reason }: ConnectionEnd): string {
  return `closed with ${code}${reason && `: ${reason}`}`
}

/** The name of an error of other code: its message may hold a secret, so it is not repeated. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}

/** Whether a frame has more bytes than this; text is only encoded when it comes close. */
function isLarger(payload: Payload, bytes: number): boolean {
  if (typeof payload !== 'string') return payload.length > bytes
  return payload.length * 3 > bytes && new TextEncoder().encode(payload).length > bytes
}
