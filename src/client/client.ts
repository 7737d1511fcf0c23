import { toBase64url } from '../wire/to-base64url.ts'
import type { AnyContract, ParamsArg } from '../wire/contract.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import {
  aDuration,
  aFunction,
  anObject,
  assertKind,
  checkedOptions,
  aText,
  having,
  type OptionKinds,
  orUndefined,
  wholeFrom,
} from '../wire/options.ts'
import { isSchema } from '../wire/schema.ts'
import { clientClock } from './clock.ts'
import type { Clock } from '../wire/clock.ts'
import type { Settings } from './reconnector.ts'
import type { CredentialSource } from './credentials.ts'
import type { Channel } from './channel.ts'
import { debugOutput } from './debug.ts'
import { Subscription } from './subscription.ts'
import { platformWebSocket, type WebSocketClass } from './web-socket.ts'

/** How a client waits between attempts. */
export interface BackoffOptions {
  /** Never less than this; 0.5 s. */
  readonly min?: Duration
  /** Never more than this; 20 s. */
  readonly max?: Duration
  /** The source of randomness; `Math.random`. */
  readonly random?: () => number
}

/** The options of a client. */
export interface ClientOptions {
  /** The server: `wss://app.example` or `https://app.example`; by default `''`, the origin of the page. */
  readonly url?: string
  /**
   * Called before every attempt: `bearer`, `ticket`, `query`, `headers` or your own. Without it only cookies
   * are sent.
   */
  readonly credentials?: CredentialSource
  /** The WebSocket class; by default that of the platform. */
  readonly WebSocket?: WebSocketClass
  readonly backoff?: BackoffOptions
  /** Time, for tests. */
  readonly clock?: Clock
  /** How many messages may wait while the channel is not open; 100, then `ERR_QUEUE_FULL`. */
  readonly queue?: number
  /**
   * How many bytes these may have together; 1 MiB, then `ERR_QUEUE_FULL`. A text counts one for each UTF-16
   * code unit.
   */
  readonly queueBytes?: number
  /** How long `send` and `call` wait for their answer; 10 s. */
  readonly timeout?: Duration
  /**
   * Called for errors that are retried anyway and would be hard to find otherwise: an error of your
   * credentials, a malformed frame of the server. Your own error is passed on unchanged.
   */
  readonly report?: (error: unknown, doing: string) => void
  /**
   * Called with a line for each step: attempts, ends with their codes, refusals. No line holds a credential
   * or a message. The default is `console.debug` when Node's variable `DEBUG`, or `localStorage.debug` of a
   * page, names `sallyport` or `sallyport:client`. Otherwise there is no output.
   */
  readonly debug?: (line: string) => void
}

const kinds: OptionKinds<ClientOptions> = {
  url: orUndefined(aText),
  credentials: orUndefined(aFunction),
  WebSocket: orUndefined(aFunction),
  backoff: orUndefined(anObject),
  clock: orUndefined(having('now', 'monotonic', 'after')),
  queue: orUndefined(wholeFrom(0)),
  queueBytes: orUndefined(wholeFrom(0)),
  timeout: orUndefined(aDuration),
  report: orUndefined(aFunction),
  debug: orUndefined(aFunction),
}
const backoffKinds: OptionKinds<BackoffOptions> = {
  min: orUndefined(aDuration),
  max: orUndefined(aDuration),
  random: orUndefined(aFunction),
}

/** A client: opens endpoints of one server. */
export interface Client {
  /**
   * Opens the endpoint of a contract, and keeps it open until it is closed or denied. Each channel has its
   * own WebSocket.
   *
   * @throws TypeError when a parameter or the client's url is malformed, or the client is closed
   * @example app.open(chat, { room: 'lobby' })
   */
  open<C extends AnyContract>(contract: C, ...params: ParamsArg<C['path']>): Channel<C>
  /** Closes all its channels. */
  close(): void
}

/**
 * A client for browsers and Node. A channel is `open` only after the server has said so. It reconnects by
 * itself with a fresh credential, and stops when the close code says so.
 *
 * @throws TypeError when an option is unknown or malformed; one that is `undefined` counts as left out
 * @example const app = client({ url: 'wss://app.example', credentials:
 * ticket('https://app.example/api/ticket') }) const lobby = app.open(chat, { room: 'lobby' })
 * lobby.on('said', ({ from, text }) => append(from, text)) await lobby.send('say', { text: 'hello' })
 */
export function client(options: ClientOptions = {}): Client {
  options = checkedOptions('client()', options, kinds)
  const backoff = checkedOptions("'backoff' of client()", options.backoff ?? {}, backoffKinds)
  options = { ...options, backoff }
  const { queue = 100, queueBytes = 1_048_576, timeout = '10s' } = options
  const openings = new Set<Subscription>()
  const nextId = ids()
  let closed = false
  return {
    open(contract, ...[params = {}]) {
      if (closed) throw new TypeError('this client is closed: make a new one')
      assertKind('the contract of open()', contract, anObject)
      assertKind('the params of open()', params, anObject)
      const opening = new Subscription({
        path: contract.template.build(params),
        unnamed: isSchema(contract.client),
        settings: settingsOf(options),
        queue: { messages: queue, bytes: queueBytes },
        timeout,
        nextId,
        ended: () => openings.delete(opening),
      })
      openings.add(opening)
      // the contract's types say what the untyped opening takes and gives; nothing else distinguishes the two
      return opening as never
    },
    close() {
      closed = true
      for (const opening of openings) opening.close()
    },
  }
}

function settingsOf(options: ClientOptions): Settings {
  const { min = '0.5s', max = '20s', random = Math.random } = options.backoff ?? {}
  return {
    base: options.url ?? '',
    credentials: options.credentials ?? (() => ({})),
    WebSocket: options.WebSocket ?? platformWebSocket(),
    clock: options.clock ?? clientClock,
    backoff: { minMs: milliseconds(min), maxMs: milliseconds(max), random },
    report: options.report ?? (() => {}),
    debug: options.debug ?? debugOutput(),
  }
}

/**
 * `<client instance>-<counter>`: unique over reconnects, so that a server can recognise a message sent twice.
 */
function ids(): () => string {
  const instance = toBase64url(crypto.getRandomValues(new Uint8Array(9)))
  let count = 0
  return () => `${instance}-${++count}`
}
