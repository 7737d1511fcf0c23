import type { Position } from '../../wire/frame.ts'

/** What lies beneath groups, presence, history, revocation and tickets: memory, or a server that all nodes reach. */
export interface Layer {
  /**
   * Joins as one node. The first health is told before it resolves.
   *
   * @param node the name of this process among its peers, which no other node has
   * @throws what the server of the layer answers; whoever connects tries again
   */
  connect(node: string, hooks: LinkHooks): Promise<Link>
}

/** What a link tells of itself. */
export interface LinkHooks {
  /** Called at each change. It must not throw. */
  health(now: Health): void
}

/** How a link is, and the roster. */
export interface Health {
  /** `degraded`: it answers, but something is lost or slow. `down`: it does not answer. */
  readonly state: 'up' | 'degraded' | 'down'
  /** The names of the nodes that are alive, this one among them; while the link is down, as they were last known. */
  readonly nodes: readonly string[]
  /** Why, for operators. */
  readonly detail: string
}

/** Ends a subscription. A second call does nothing. */
export type Unsubscribe = () => void

/** Ends a subscription as soon as it has begun; what that throws is told, and ends nothing. One that never began needs no end. */
export function leaveTopic(ready: Promise<Unsubscribe>, failed: (error: unknown) => void): void {
  ready
    .then(
      (unsubscribe) => unsubscribe(),
      () => {},
    )
    .catch(failed)
}

/**
 * Where a log lies. The log of one name in each space is another log. What is written in the space `history` never makes a
 * log of the space `system` lose an entry: applications and their users write the former, the server alone writes the latter.
 */
export type Space = 'history' | 'system'

/** What a log keeps. All who write and read one log say the same. */
export interface LogRules {
  readonly space: Space
  /** How many entries at most. */
  readonly size: number
  /** For how many milliseconds. */
  readonly forMs: number
}

/** How one message is kept. */
export interface Keep extends LogRules {
  /**
   * Names the message within its topic: one that was placed already is neither kept nor handed on again. An id is known for
   * `size` more messages and for 60 seconds, both, but for no more than 20 times `size` messages or 2 minutes.
   */
  readonly id: string
}

/** Where a kept message stands. */
export interface Placing {
  readonly at: Position
  /** The position of the message before it; of the first message, the `head` that readers of an empty log were given. */
  readonly prev: Position | null
}

/** What publishing a kept message answers. */
export interface Placed extends Placing {
  /** The id was known: this is where the message was placed the first time. */
  readonly again: boolean
}

/** What a subscriber hears. */
export interface Delivery {
  /** Must not be changed: others may hear the same bytes. */
  readonly bytes: Uint8Array
  /** `null` for a message that is not kept. */
  readonly placed: Placing | null
  /** Whether a message that is not kept was lost before this one. A lost kept message shows in the links. */
  readonly lost: boolean
}

/** One kept message. */
export interface LogEntry extends Placing {
  /** Must not be changed: the layer may keep the same bytes. */
  readonly value: Uint8Array
  /** For how long it has been kept, by the time of the layer. */
  readonly ageMs: number
}

/** What a log holds. */
export interface LogRange {
  /** The position of the last message; after a log's data was lost, or before there was any, a position that the next message links to. */
  readonly head: Position
  /** True only if it is proven that no message is missing: after the position; or, of `'all'`, none that is younger than `forMs`. */
  readonly complete: boolean
  /** Oldest first. */
  readonly entries: readonly LogEntry[]
}

/** Small values that are kept for a while, for all nodes. Keys and values are the caller's; times are milliseconds. */
export interface Store {
  /** Keeps a value for so long, in place of any other under the key; 0 removes it. The caller keeps its bytes. */
  put(key: string, value: Uint8Array, ttlMs: number): Promise<void>
  /** Takes a value out: of many that take at once, exactly one gets it. */
  take(key: string): Promise<Uint8Array | null>
  /**
   * Elects one owner: answers when `owner` holds the key now, for so long; its holder may claim again to keep it. The token
   * never falls, and each new holder of a key gets a greater one: what it writes elsewhere can be fenced with it.
   */
  claim(key: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | null>
}

/**
 * A node's connection to a layer. It connects again by itself. Every method settles in time: within 2 seconds, the publishing
 * of a kept message within 5. What is published or put while the layer does not answer is refused, and never arrives later;
 * only where an answer was lost is the outcome unknown, and the same id may be published again.
 */
export interface Link extends Store {
  /**
   * Hands a message to all other nodes that subscribe to the topic, in order for one publisher and topic; resolves when the
   * layer has accepted it, with `null`. It is packed at most once, and not at all where the layer knows that nobody needs it.
   * The bytes are the layer's from then on.
   *
   * With `keep` it is appended to the topic's log and handed on in one step; then its own node hears it as well.
   */
  publish(topic: string, pack: () => Uint8Array, keep?: Keep): Promise<Placed | null>
  /** Hears what is published. Resolves when nothing published from now on is missed. */
  subscribe(topic: string, hear: (delivery: Delivery) => void): Promise<Unsubscribe>
  /** What the log of a topic holds after a position, or of all that it keeps, or just where its end is. */
  range(topic: string, rules: LogRules, after: Position | 'all' | 'head'): Promise<LogRange>
  /** Leaves: all subscriptions end, and the other nodes no longer count this one. */
  close(): Promise<void>
}
