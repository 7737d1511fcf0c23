import { SallyportError } from '../../wire/errors.ts'
import type { Position } from '../../wire/frame.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'
import {
  type Delivery,
  type Health,
  type Keep,
  type Layer,
  leaveTopic,
  type Link,
  type LogRange,
  type LogRules,
  type Placed,
  type Unsubscribe,
} from '../api/layer.ts'
import type { Reporter } from '../api/events.ts'

/** What a connection to a layer needs. */
export interface LayerConnectionParts {
  readonly layer: Layer
  readonly node: string
  readonly clock: Clock
  readonly report: Reporter
}

/** For how long an attempt to connect may take. */
const connectMs = 10_000
/** The wait after a failed attempt: the first one, and the longest. */
const [firstRetryMs, maxRetryMs] = [50, 2_000]
/** For how long a call may take. The layer repeats a kept message meanwhile. */
const callMs = 2_000
const publishMs = 5_000

/**
 * The link of a node to its layer, before and after it is connected. It connects at once, and tries again
 * until it is closed. Calls wait for the attempt under way. They fail with `ERR_LAYER` when no attempt is
 * under way, or when their time is over. When it is connected, what the layer answers at once is answered at
 * once. A failure is a rejected promise in any case, and every error of a layer becomes a `SallyportError`.
 */
export class LayerConnection implements Link {
  readonly #parts: LayerConnectionParts
  #health: Health
  #link: Promise<Link>
  /** The same link, once it is there. */
  #connected: Link | null = null
  /** How many calls wait for the link. */
  #waiting = 0
  #retry: Timer | null = null
  #closed = false

  constructor(parts: LayerConnectionParts) {
    this.#parts = parts
    this.#health = { state: 'down', nodes: [parts.node], detail: 'not connected yet' }
    this.#link = this.#connect(firstRetryMs)
  }

  /** The last health that the link reported. */
  get health(): Health {
    return this.#health
  }

  /** The names of the nodes that are alive, including this one. */
  get nodes(): readonly string[] {
    return this.#health.nodes
  }

  publish(topic: string, pack: () => Uint8Array, keep?: Keep): Awaitable<Placed | null> {
    const link = this.#direct
    if (link === null) return this.#publishLater(topic, pack, keep)
    try {
      return this.#answered('publish', publishMs, link.publish(topic, pack, keep))
    } catch (error) {
      return Promise.reject(asLayerError('publish', error))
    }
  }

  subscribe(topic: string, hear: (delivery: Delivery) => void): Awaitable<Unsubscribe> {
    const guarded = this.#guarded(hear)
    let begun: Awaitable<Unsubscribe> | undefined
    const subscribing = this.#call('subscribe', callMs, (link) => (begun = link.subscribe(topic, guarded)))
    if (!isThenable(subscribing)) return subscribing
    return subscribing.catch((error: unknown) => {
      // the caller was told of a failure and will not end the subscription, so a subscription that begins too
      // late is ended here
      if (begun !== undefined) leaveTopic(begun, this.#failed)
      throw error
    })
  }

  range(topic: string, rules: LogRules, after: Position | 'all' | 'head'): Awaitable<LogRange> {
    return this.#call('read a log', callMs, (link) => link.range(topic, rules, after))
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    return this.#call('keep a value', callMs, (link) => link.put(key, value, ttlMs))
  }

  async take(key: string): Promise<Uint8Array | null> {
    return this.#call('take a value', callMs, (link) => link.take(key))
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | null> {
    return this.#call('claim', callMs, (link) => link.claim(key, owner, ttlMs))
  }

  /** Leaves the layer, and does not reconnect. A second call does nothing. */
  async close(): Promise<void> {
    this.#closed = true
    this.#retry?.cancel()
    const connecting = this.#link
    this.#connected = null
    this.#link = rejected(new SallyportError('ERR_CLOSED', 'the server has left the layer'))
    const link = await connecting.catch(() => null)
    if (link !== null)
      await this.#inTime(
        'leave',
        callMs,
        begin(() => link.close()),
      )
  }

  #connect(retryMs: number): Promise<Link> {
    const { layer, node, report, clock } = this.#parts
    let isOver = false
    const health = (now: Health): void => {
      if (!isOver) this.#healthIs(now)
    }
    const connecting = begin(() => layer.connect(node, { health }))
    const linked = this.#inTime('connect', connectMs, connecting)
    const keep = (link: Link): void => {
      if (!this.#closed) this.#connected = link
    }
    linked.then(keep, (error: unknown) => {
      // a link that comes too late is not used: the next attempt has another one
      isOver = true
      connecting.then((late) => late.close()).catch(() => {})
      if (this.#closed) return
      report(error, 'connecting to the layer')
      this.#retry = clock.after(retryMs, () => {
        this.#link = this.#connect(Math.min(2 * retryMs, maxRetryMs))
      })
    })
    return linked
  }

  #healthIs(now: Health): void {
    const before = this.#health.state
    this.#health = now
    if (now.state === 'down' && before !== 'down' && !this.#closed)
      this.#parts.report(
        new SallyportError('ERR_LAYER', `the layer is down: ${now.detail}`),
        'watching the layer',
      )
  }

  /**
   * The link, when it is there and no earlier call waits for it: calls reach the layer in the order in which
   * they were made.
   */
  get #direct(): Link | null {
    return this.#waiting === 0 ? this.#connected : null
  }

  #answered<T>(what: string, ms: number, answer: Awaitable<T>): Awaitable<T> {
    return isThenable(answer) ? this.#inTime(what, ms, answer) : answer
  }

  /** Messages are published without a closure for each. This is for those that wait for the link. */
  #publishLater(topic: string, pack: () => Uint8Array, keep: Keep | undefined): Promise<Placed | null> {
    return this.#callLater('publish', publishMs, (link) => link.publish(topic, pack, keep))
  }

  #call<T>(what: string, ms: number, run: (link: Link) => Awaitable<T>): Awaitable<T> {
    const link = this.#direct
    if (link === null) return this.#callLater(what, ms, run)
    try {
      return this.#answered(what, ms, run(link))
    } catch (error) {
      return Promise.reject(asLayerError(what, error))
    }
  }

  async #callLater<T>(what: string, ms: number, run: (link: Link) => Awaitable<T>): Promise<T> {
    let isOver = false
    this.#waiting++
    const inOrder = this.#link.then(
      (link) => {
        this.#waiting--
        return isOver ? never<T>() : run(link)
      },
      (error: unknown) => {
        this.#waiting--
        throw error
      },
    )
    try {
      return await this.#inTime(what, ms, inOrder)
    } finally {
      // a call whose failure was reported is not made when the link comes later
      isOver = true
    }
  }

  async #inTime<T>(what: string, ms: number, done: PromiseLike<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = this.#parts.clock.after(ms, () =>
      late.reject(new SallyportError('ERR_LAYER', `the layer did not ${what} within ${ms} ms`)),
    )
    try {
      return await Promise.race([done, late.promise])
    } catch (error) {
      throw asLayerError(what, error)
    } finally {
      timer.cancel()
    }
  }

  /** A method of its own, because the closure lives long, and would keep all variables of its maker. */
  #guarded(hear: (delivery: Delivery) => void): (delivery: Delivery) => void {
    return (delivery) => {
      try {
        hear(delivery)
      } catch (error) {
        this.#parts.report(error, 'receiving from the layer')
      }
    }
  }

  readonly #failed = (error: unknown): void => this.#parts.report(error, 'leaving a topic')
}

async function begin<T>(run: () => Awaitable<T>): Promise<T> {
  return run()
}

function never<T>(): Promise<T> {
  return new Promise(() => {})
}

function rejected(reason: SallyportError): Promise<never> {
  const refusal: Promise<never> = Promise.reject(reason)
  refusal.catch(() => {})
  return refusal
}

function asLayerError(what: string, error: unknown): SallyportError {
  if (error instanceof SallyportError) return error
  const why = error instanceof Error ? error.message : String(error)
  return new SallyportError('ERR_LAYER', `the layer could not ${what}: ${why}`, { cause: error })
}
