import type { Outcome, Questions } from './answer.ts'
import { identityKey, type Payer } from './keys.ts'
import type { LeaveReason } from './report.ts'

/** What an open socket can be found by. */
export interface Holder extends Payer {
  readonly session: string | undefined
  readonly token: string | undefined
  /** The key of its room. */
  readonly room: string
}

/** A socket, as its server sees it: open, or ended while handlers are still at work in its name. */
export interface OpenSocket {
  holder: Holder
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
  recheck(questions: Questions): Promise<Outcome>
}

/** Whom an order is about: all that is named must hold. */
export interface Selector {
  readonly user?: string
  readonly session?: string
  readonly token?: string
  /** The key of a room. */
  readonly room?: string
  /** Whose user it is; one of that name in any tenant when left out. It names nobody by itself. */
  readonly tenant?: string
}

const fields = { user: 'subject', session: 'session', token: 'token', room: 'room' } as const

/** Whether a holder is meant. @returns false for a selector that names nothing: nobody is meant by mistake */
export function isMeant(selector: Selector, holder: Holder): boolean {
  const named = namesIn(selector)
  const isOfTenant = selector.tenant === undefined || selector.tenant === holder.tenant
  return isOfTenant && named.length > 0 && named.every(([name, value]) => holder[fields[name]] === value)
}

function namesIn(selector: Selector): readonly (readonly [keyof typeof fields, string])[] {
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
export class Registry<S extends { holder: Holder } = OpenSocket> {
  readonly #all = new Set<S>()
  /** Those that have ended. */
  readonly #left = new Set<S>()
  readonly #by = {
    identity: new Index<S>(),
    session: new Index<S>(),
    token: new Index<S>(),
    room: new Index<S>(),
    network: new Index<S>(),
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
  move(socket: S, holder: Holder): void {
    if (!this.#all.has(socket)) return
    const changed = indexes.filter((name) => keyOf(socket.holder, name) !== keyOf(holder, name))
    this.#forget(socket, changed)
    socket.holder = holder
    this.#index(socket, changed)
  }

  /**
   * The sockets of one identity, or of the guests of one network: those that have ended, then those that are open, each the
   * oldest first.
   */
  of(holder: Payer): readonly S[] {
    const all = [...this.#accountOf(holder)]
    return [true, false].flatMap((has) => all.filter((one) => this.#left.has(one) === has))
  }

  /** How many those are: it is known without looking at each. */
  countOf(holder: Payer): number {
    return this.#accountOf(holder).size
  }

  /** Those whom a selector means; the list stays as it is while they are ended. */
  find(selector: Selector): readonly S[] {
    const candidates = namesIn(selector).map(([name, value]) =>
      name === 'user' ? this.#ofSubject(value, selector.tenant) : this.#by[name].get(value),
    )
    const [smallest] = candidates.sort((one, other) => one.size - other.size)
    return smallest === undefined ? [] : [...smallest].filter((socket) => isMeant(selector, socket.holder))
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
    const { tenant, subject } = socket.holder
    if (tenant !== '') this.#tenants.set(subject, (this.#tenants.get(subject) ?? new Set()).add(tenant))
    for (const name of names) this.#by[name].add(keyOf(socket.holder, name), socket)
  }

  #forget(socket: S, names = indexes): void {
    const { tenant, subject } = socket.holder
    for (const name of names) this.#by[name].delete(keyOf(socket.holder, name), socket)
    if (tenant === '' || this.#by.identity.get(identityKey(tenant, subject)).size > 0) return
    const named = this.#tenants.get(subject)
    named?.delete(tenant)
    if (named?.size === 0) this.#tenants.delete(subject)
  }
}

type IndexName = 'identity' | 'session' | 'token' | 'room' | 'network'
const indexes: readonly IndexName[] = ['identity', 'session', 'token', 'room', 'network']

function keyOf(holder: Holder, name: IndexName): string | undefined {
  return name === 'identity' ? identityKey(holder.tenant, holder.subject) : holder[name]
}

const nobody: ReadonlySet<never> = new Set()

/** Sockets by one of the things that they hold. Most keys have one socket, which then needs no set of its own. */
class Index<S> {
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
