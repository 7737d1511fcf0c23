import type { RecheckOutcome, SharedRechecks } from './revalidation-result.ts'
import { identityKey, type Payer } from '../groups/address.ts'
import type { LeaveReason } from '../api/events.ts'

/** What an open socket can be found by. */
export interface SocketKeys extends Payer {
  readonly session: string | undefined
  readonly token: string | undefined
  /** The key of its room. */
  readonly room: string
}

/** A socket, as its server sees it: open, or ended while handlers are still at work in its name. */
export interface OpenSocket {
  keys: SocketKeys
  /** Whether it has ended, and handlers are still at work in its name. */
  readonly hasLeft: boolean
  /** How many of its messages were thrown away before a handler has seen them. */
  readonly dropped: number
  /** Whether its credential bears a date after this wall time: the clock of its issuer is ahead. */
  isDatedAfter(wallMs: number): boolean
  /** Whether what it rests on was revoked: a newer sign-in was not. */
  isRevoked(): boolean
  /** Whether the first door can say again who it is; of a guest there is nothing to say. */
  readonly isRenewable: boolean
  /** Ends it, once. Where it has left, what waits is thrown away, and of what is at work nothing is heard when a right was lost. */
  end(why: LeaveReason, code: number, reason: string): void
  /** Ends it for a newer connection of its identity; `by` is the id of that handshake. */
  evict(by: string): void
  /** Lets its running handler finish, tells the client when to come back, then ends it. */
  drain(retryAfterMs: number): Promise<void>
  /** Asks both doors again, with the others that are asked at the same time. */
  recheck(questions: SharedRechecks): Promise<RecheckOutcome>
}

/** Whom an order is about: all that is named must hold. */
export interface SocketFilter {
  readonly user?: string
  readonly session?: string
  readonly token?: string
  /** The key of a room. */
  readonly room?: string
  /** Whose user it is; one of that name in any tenant when left out. It names nobody by itself. */
  readonly tenant?: string
}

const fields = { user: 'subject', session: 'session', token: 'token', room: 'room' } as const

/** Whether a keys is meant. @returns false for a selector that names nothing: nobody is meant by mistake */
export function matches(selector: SocketFilter, keys: SocketKeys): boolean {
  const named = namesIn(selector)
  const isOfTenant = selector.tenant === undefined || selector.tenant === keys.tenant
  return isOfTenant && named.length > 0 && named.every(([name, value]) => keys[fields[name]] === value)
}

function namesIn(selector: SocketFilter): readonly (readonly [keyof typeof fields, string])[] {
  // the keys of `fields` are the keys of a selector
  const names = Object.keys(fields) as (keyof typeof fields)[]
  return names.flatMap((name) => {
    const value = selector[name]
    return value === undefined ? [] : [[name, value] as const]
  })
}

/**
 * The sockets of this process, found by what they hold: a look-up costs what it finds, not what is open. One that has ended
 * can be found until nothing is done in its name any more.
 */
export class Registry<S extends { keys: SocketKeys } = OpenSocket> {
  readonly #all = new Set<S>()
  /** Those that have ended. */
  readonly #left = new Set<S>()
  readonly #by = {
    identity: new SocketIndex<S>(),
    session: new SocketIndex<S>(),
    token: new SocketIndex<S>(),
    room: new SocketIndex<S>(),
    network: new SocketIndex<S>(),
  }

  /** The tenants in which a subject has sockets, but for the one without a name: most servers have no other. */
  readonly #tenants = new Map<string, Set<string>>()

  /** How many are open. */
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

  /** It has ended, and can still be found. */
  leave(socket: S): void {
    if (this.#all.has(socket)) this.#left.add(socket)
  }

  delete(socket: S): void {
    this.#left.delete(socket)
    if (this.#all.delete(socket)) this.#forget(socket)
  }

  /** Lets an open socket be found by what it holds now. What it held before keeps its place: it is no younger. */
  move(socket: S, keys: SocketKeys): void {
    if (!this.#all.has(socket)) return
    const changed = indexes.filter((name) => keyOf(socket.keys, name) !== keyOf(keys, name))
    this.#forget(socket, changed)
    socket.keys = keys
    this.#index(socket, changed)
  }

  /**
   * The sockets of one identity, or of the guests of one network: those that have ended, then those that are open, each the
   * oldest first.
   */
  of(keys: Payer): readonly S[] {
    const all = [...this.#accountOf(keys)]
    return [true, false].flatMap((has) => all.filter((one) => this.#left.has(one) === has))
  }

  /** How many those are: it is known without looking at each. */
  countOf(keys: Payer): number {
    return this.#accountOf(keys).size
  }

  /** Those whom a selector means; the list stays as it is while they are ended. */
  find(selector: SocketFilter): readonly S[] {
    const candidates = namesIn(selector).map(([name, value]) =>
      name === 'user' ? this.#ofSubject(value, selector.tenant) : this.#by[name].get(value),
    )
    const [smallest] = candidates.sort((one, other) => one.size - other.size)
    return smallest === undefined ? [] : [...smallest].filter((socket) => matches(selector, socket.keys))
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

const nobody: ReadonlySet<never> = new Set()

/** Sockets by one of the things that they hold. Most keys have one socket, which then needs no set of its own. */
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
    return one === undefined ? (this.#many.get(key) ?? nobody) : new Set([one])
  }
}
