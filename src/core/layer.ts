import type { Position } from '../wire/frame.ts'

/** Ends a subscription. */
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

/** Carries messages between the nodes of one system, at most once, in order for one publisher and topic. */
export interface Bus {
  /**
   * Hands a message to all other nodes that subscribe to the topic; resolves when the layer has accepted it. It is packed
   * at most once, and not at all where the layer knows that nobody else listens.
   */
  publish(topic: string, pack: () => Uint8Array): Promise<void>
  /** Hears what other nodes publish; a node does not hear itself. Resolves when nothing published from now on is missed. */
  subscribe(topic: string, hear: (bytes: Uint8Array) => void): Promise<Unsubscribe>
  /** The names of the nodes that are alive, this one among them. */
  nodes(): Promise<readonly string[]>
  /** Leaves: all subscriptions end, and the other nodes no longer count this one. */
  close(): Promise<void>
}

/** One kept message. */
export interface LogEntry {
  readonly offset: number
  readonly value: Uint8Array
}

/** What a log holds after a position. */
export interface LogRange {
  readonly epoch: string
  readonly entries: readonly LogEntry[]
  /** Whether nothing between the position asked for and the first entry is missing. */
  readonly complete: boolean
}

/** Keeps small things for a while. Every key and value is the caller's; times are milliseconds. */
export interface Store {
  /** Keeps a value for so long, in place of any other under the key. */
  put(key: string, value: Uint8Array, ttlMs: number): Promise<void>
  /** Takes a value out: of many that take at once, exactly one gets it. */
  take(key: string): Promise<Uint8Array | null>
  /** Appends to a log that keeps its last `size` entries for `forMs`; offsets count up by one within an epoch. */
  append(
    log: string,
    value: Uint8Array,
    rules: { readonly size: number; readonly forMs: number },
  ): Promise<Position>
  /** The entries after a position, oldest first; all that are kept when it is `null`. */
  range(log: string, after: Position | null): Promise<LogRange>
  /** Changes how long a value is kept; 0 removes it. False when there is none. */
  expire(key: string, ttlMs: number): Promise<boolean>
  /** Elects one owner: true when `owner` holds the key now, for so long; its holder may claim again to keep it. */
  claim(key: string, owner: string, ttlMs: number): Promise<boolean>
}

/** What lies beneath groups, presence, history and tickets: one store, and a bus for each node. */
export interface Layer {
  readonly store: Store
  /** The bus as this node sees it. */
  bus(node: string): Bus
}
