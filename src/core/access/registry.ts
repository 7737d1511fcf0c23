import type { RecheckOutcome, SharedRechecks } from './revalidation-result.ts'
import { identityKey, type Payer } from '../groups/address.ts'
import type { LeaveReason } from '../api/events.ts'

/** The keys under which the registry finds an open socket. */
export interface SocketKeys extends Payer {
  readonly session: string | undefined
  readonly token: string | undefined
  /** The key of its room. */
  readonly room: string
}

/** A socket as its server sees it: open, or ended while its handlers still run. */
export interface OpenSocket {
  keys: SocketKeys
  /** Whether it has ended and its handlers still run. */
  readonly ended: boolean
  /** How many of its messages were thrown away before a handler saw them. */
  readonly dropped: number
  /** Whether its credential is dated after this wall time, because the clock of its issuer is ahead. */
  isDatedAfter(wallMs: number): boolean
  /** Whether its credential was revoked. A newer sign-in of the same user was not. */
  isRevoked(): boolean
  /** Whether authentication can find its identity again. A guest has no identity to find. */
  readonly isRenewable: boolean
  /**
   * Ends it, once. When it had ended already, waiting messages are thrown away, and after a loss of access
   * the handlers that still run have no effect.
   */
  end(why: LeaveReason, code: number, reason: string): void
  /** Ends it for a newer connection of its identity; `by` is the id of the newer handshake. */
  evict(by: string): void
  /** Lets its running handler finish, tells the client when to come back, then ends it. */
  drain(retryAfterMs: number): Promise<void>
  /** Authenticates and authorizes again, sharing results with the other sockets of `rechecks`. */
  recheck(rechecks: SharedRechecks): Promise<RecheckOutcome>
}

/** The sockets that an access command is about: all given keys must match. */
export interface SocketFilter {
  readonly user?: string
  readonly session?: string
  readonly token?: string
  /** The key of a room. */
  readonly room?: string
  /**
   * The tenant of the user; without it, the user of that name in any tenant. The tenant alone selects no
   * socket.
   */
  readonly tenant?: string
}

const fields = { user: 'subject', session: 'session', token: 'token', room: 'room' } as const

/**
 * Whether a filter selects these keys. @returns false for a filter without keys, so that no socket is
 * selected by mistake
 */
export function matches(filter: SocketFilter, keys: SocketKeys): boolean {
  const named = namesIn(filter)
  const isOfTenant = filter.tenant === undefined || filter.tenant === keys.tenant
  return isOfTenant && named.length > 0 && named.every(([name, value]) => keys[fields[name]] === value)
}

function namesIn(filter: SocketFilter): readonly (readonly [keyof typeof fields, string])[] {
  // the keys of `fields` are the keys of a filter
  const names = Object.keys(fields) as (keyof typeof fields)[]
  return names.flatMap((name) => {
    const value = filter[name]
    return value === undefined ? [] : [[name, value] as const]
  })
}

/**
 * The sockets of this process, by their keys. The cost of a look-up depends on the sockets that it finds, not
 * on all open sockets. A socket that has ended can be found while its handlers run.
 */
export class Registry<S extends { keys: SocketKeys } = OpenSocket> {
  readonly #all = new Set<S>()
  /** The sockets that have ended. */
  readonly #left = new Set<S>()
  readonly #by = {
    identity: new SocketIndex<S>(),
    session: new SocketIndex<S>(),
    token: new SocketIndex<S>(),
    room: new SocketIndex<S>(),
    network: new SocketIndex<S>(),
  }

  /** The tenants in which a subject has sockets, without the unnamed tenant: most servers have no other. */
  readonly #tenants = new Map<string, Set<string>>()

  /** How many sockets are open. */
  get size(): number {
    return this.#all.size - this.#left.size
  }

  [Symbol.iterator](): IterableIterator<S> {
    return this.#all.values()
  }

  add(socket: S): void {
    this.#all.add(socket)
    this.#index(socket)
  }

  /** Marks a socket as ended. It can still be found. */
  leave(socket: S): void {
    if (this.#all.has(socket)) this.#left.add(socket)
  }

  delete(socket: S): void {
    this.#left.delete(socket)
    if (this.#all.delete(socket)) this.#forget(socket)
  }

  /** Moves an open socket to new keys. It keeps its age in the order of sockets. */
  move(socket: S, keys: SocketKeys): void {
    if (!this.#all.has(socket)) return
    const changed = indexes.filter((name) => keyOf(socket.keys, name) !== keyOf(keys, name))
    this.#forget(socket, changed)
    socket.keys = keys
    this.#index(socket, changed)
  }

  /**
   * The sockets of one identity, or of the guests of one network: first those that have ended, then those
   * that are open, each group with the oldest first.
   */
  of(keys: Payer): readonly S[] {
    const all = [...this.#accountOf(keys)]
    return [true, false].flatMap((has) => all.filter((one) => this.#left.has(one) === has))
  }

  /** How many sockets `of` would return, counted without a list. */
  countOf(keys: Payer): number {
    return this.#accountOf(keys).size
  }

  /** The sockets that a filter selects. The list does not change while its sockets are ended. */
  find(filter: SocketFilter): readonly S[] {
    const candidates = namesIn(filter).map(([name, value]) =>
      name === 'user' ? this.#ofSubject(value, filter.tenant) : this.#by[name].get(value),
    )
    const [smallest] = candidates.sort((one, other) => one.size - other.size)
    return smallest === undefined ? [] : [...smallest].filter((socket) => matches(filter, socket.keys))
  }

  #accountOf({ tenant, subject, network }: Payer): ReadonlySet<S> {
    return network === undefined
      ? this.#by.identity.get(identityKey(tenant, subject))
      : this.#by.network.get(network)
  }

  /** The sockets of a subject in one tenant, or in all of them. */
  #ofSubject(subject: string, tenant: string | undefined): ReadonlySet<S> {
    const named = tenant === undefined ? this.#tenants.get(subject) : undefined
    if (named === undefined) return this.#by.identity.get(identityKey(tenant ?? '', subject))
    return new Set(['', ...named].flatMap((one) => [...this.#by.identity.get(identityKey(one, subject))]))
  }

  #index(socket: S, names = indexes): void {
    const { tenant, subject } = socket.keys
    if (tenant !== '') this.#tenants.set(subject, (this.#tenants.get(subject) ?? new Set()).add(tenant))
    for (const name of names) this.#by[name].add(keyOf(socket.keys, name), socket)
  }

  #forget(socket: S, names = indexes): void {
    const { tenant, subject } = socket.keys
    for (const name of names) this.#by[name].delete(keyOf(socket.keys, name), socket)
    if (tenant === '' || this.#by.identity.get(identityKey(tenant, subject)).size > 0) return
    const named = this.#tenants.get(subject)
    named?.delete(tenant)
    if (named?.size === 0) this.#tenants.delete(subject)
  }
}

type IndexName = 'identity' | 'session' | 'token' | 'room' | 'network'
const indexes: readonly IndexName[] = ['identity', 'session', 'token', 'room', 'network']

function keyOf(keys: SocketKeys, name: IndexName): string | undefined {
  return name === 'identity' ? identityKey(keys.tenant, keys.subject) : keys[name]
}

const noSockets: ReadonlySet<never> = new Set()

/** Sockets by one kind of key. Most keys have one socket, which is stored without a set. */
class SocketIndex<S> {
  readonly #one = new Map<string, S>()
  readonly #many = new Map<string, Set<S>>()

  add(key: string | undefined, socket: S): void {
    if (key === undefined) return
    const many = this.#many.get(key)
    const one = this.#one.get(key)
    if (many !== undefined) many.add(socket)
    else if (one === undefined) this.#one.set(key, socket)
    else {
      this.#one.delete(key)
      this.#many.set(key, new Set([one, socket]))
    }
  }

  delete(key: string | undefined, socket: S): void {
    if (key === undefined) return
    if (this.#one.get(key) === socket) this.#one.delete(key)
    const many = this.#many.get(key)
    many?.delete(socket)
    if (many?.size === 0) this.#many.delete(key)
  }

  get(key: string): ReadonlySet<S> {
    const one = this.#one.get(key)
    return one === undefined ? (this.#many.get(key) ?? noSockets) : new Set([one])
  }
}
