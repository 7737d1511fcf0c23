import type { Position } from '../../wire/frame.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'

/** Carries groups, presence, history, revocations and tickets: memory, or a server that all nodes reach. */
export interface Layer {
  /**
   * Joins as one node. The first health is reported before it resolves.
   * @param node the name of this process, which no other node has
   * @throws the error of the server of the layer; the caller tries again
   */
  connect(node: string, hooks: LinkHooks): Promise<Link>
}

/** What a link calls. */
export interface LinkHooks {
  /** Called at each change. It must not throw. */
  health(now: Health): void
}

/** The state of a link, and the nodes on the layer. */
export interface Health {
  /** `degraded`: it answers, but something is lost or slow. `down`: it does not answer. */
  readonly state: 'up' | 'degraded' | 'down'
  /**
   * The names of the nodes that are alive, including this one. While the link is down, the names that were
   * known last.
   */
  readonly nodes: readonly string[]
  /** The reason, for operators. */
  readonly detail: string
}

/** Ends a subscription. A second call does nothing. */
export type Unsubscribe = () => void

/**
 * Ends a subscription as soon as it has begun. An error in that is passed to `failed`. A subscription that
 * failed to begin needs no end.
 */
export function leaveTopic(ready: Awaitable<Unsubscribe>, failed: (error: unknown) => void): void {
  if (isThenable(ready)) {
    ready.then(
      (unsubscribe) => leaveTopic(unsubscribe, failed),
      () => {},
    )
    return
  }
  try {
    ready()
  } catch (error) {
    failed(error)
  }
}

/**
 * The space of a log. Logs of one name in two spaces are two logs. What is written in the space `history`
 * never makes a log of the space `system` lose an entry: applications and their users write the former, the
 * server alone writes the latter.
 */
export type Space = 'history' | 'system'

/** What a log keeps. All writers and readers of a log pass the same rules. */
export interface LogRules {
  readonly space: Space
  /** How many entries at most. */
  readonly size: number
  /** For how many milliseconds. */
  readonly forMs: number
}

/** How a message is kept. */
export interface Keep extends LogRules {
  /**
   * The id of the message within its topic. A message whose id is known is neither kept nor delivered again.
   * An id is known for at least `size` more messages and at least 60 seconds. It is forgotten after 20 times
   * `size` messages or 2 minutes at most.
   */
  readonly id: string
}

/** The place of a kept message in its log. */
export interface Placing {
  readonly at: Position
  /**
   * The position of the message before it. For the first message it is the `head` that readers of the empty
   * log were given.
   */
  readonly prev: Position | null
}

/** The result of publishing a kept message. */
export interface Placed extends Placing {
  /** Whether the id was known; then this is where the message was placed the first time. */
  readonly again: boolean
}

/** What a subscriber gets. */
export interface Delivery {
  /** Must not be changed: other subscribers may get the same bytes. */
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
  /** For how long it has been kept, by the clock of the layer. */
  readonly ageMs: number
}

/** The content of a log. */
export interface LogRange {
  /**
   * The position of the last message. After the data of a log was lost, or before there was any, a position
   * that the next message will link to.
   */
  readonly head: Position
  /**
   * True only if it is proven that no message is missing: after the position; or for `'all'`, no message that
   * is younger than `forMs`.
   */
  readonly complete: boolean
  /** Oldest first. */
  readonly entries: readonly LogEntry[]
}

/** Small values that are kept for a while, for all nodes. Keys and values are the caller's; times are milliseconds. */
export interface Store {
  /**
   * Keeps a value for `ttlMs`, in place of any other value of the key; 0 removes it. The bytes still belong
   * to the caller.
   */
  put(key: string, value: Uint8Array, ttlMs: number): Promise<void>
  /** Takes a value out. Of several concurrent calls, exactly one gets it. */
  take(key: string): Promise<Uint8Array | null>
  /**
   * Elects one owner of a key. Resolves with a token when `owner` holds the key now, for `ttlMs`; the holder
   * may claim again to keep it. The token never decreases, and each new holder of a key gets a greater one.
   * So it can serve as a fencing token for writes elsewhere.
   */
  claim(key: string, owner: string, ttlMs: number): Promise<{ readonly token: number } | null>
}

/**
 * The connection of a node to a layer. It reconnects by itself. A method answers at once what it knows at
 * once, and a promise otherwise; it fails by throwing, or by rejecting the promise. Every promise settles
 * within 2 seconds, and that of publishing a kept message within 5. A message or value is refused while the layer does not answer,
 * and never arrives later. The outcome is unknown only when an answer was lost; then the same id may be
 * published again.
 */
export interface Link extends Store {
  /**
   * Sends a message to all other nodes that subscribe to the topic, in order for one publisher and topic.
   * Answers `null` when the layer has accepted it. `pack` is called at most once, and not at all when
   * the layer knows that no node needs the message. The bytes then belong to the layer.
   *
   * With `keep` the message is appended to the log of the topic and delivered in one step; then its own node
   * gets it as well.
   */
  publish(topic: string, pack: () => Uint8Array, keep?: Keep): Awaitable<Placed | null>
  /** Subscribes to a topic. Answers when no message published from now on is missed. */
  subscribe(topic: string, hear: (delivery: Delivery) => void): Awaitable<Unsubscribe>
  /** The content of the log of a topic: after a position, all of it, or only its head. */
  range(topic: string, rules: LogRules, after: Position | 'all' | 'head'): Awaitable<LogRange>
  /** Leaves the layer: all subscriptions end, and the other nodes no longer count this node. */
  close(): Awaitable<void>
}
