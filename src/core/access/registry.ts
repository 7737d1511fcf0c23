import type { RecheckOutcome, SharedRechecks } from './revalidation-result.ts'
import { accountKey, type Address, identityKey, type Payer } from '../groups/address.ts'
import { isGuest } from '../api/identity.ts'
import { networkOf } from '../runtime/ip-network.ts'
import { TransientSet } from '../runtime/transient.ts'
import type { AuthorizedPeer } from './authorize.ts'
import {
  firstOf,
  valuesOf,
  type OneOrMore,
  ManyByKey,
  includes,
  withoutValue,
  withValue,
  sizeOf,
} from '../runtime/one-or-more.ts'
import type { LeaveReason } from '../api/events.ts'

/** The keys under which the registry finds an open socket. */
export interface SocketKeys extends Payer {
  /** The key of the account that is charged for the socket: see `accountKey`. */
  readonly account: string
  readonly session: string | undefined
  readonly token: string | undefined
  /** The key of its room. */
  readonly room: string
}

/** The keys of the socket of a peer, with its place: the tenant and the room. */
export function keysOf(
  { subject, identity }: AuthorizedPeer,
  { tenant, room }: { readonly tenant: string; readonly room: Pick<Address, 'key'> },
  address: string,
): SocketKeys {
  const { session, token } = identity
  const network = isGuest(identity) ? networkOf(address) : undefined
  const account = accountKey({ tenant, subject, network })
  return { tenant, subject, session, token, room: room.key, network, account }
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

/**
 * Whether a filter selects these keys. @returns false for a filter without keys, so that no socket is
 * selected by mistake
 */
export function matches({ user, session, token, room, tenant }: SocketFilter, keys: SocketKeys): boolean {
  const isNamed = user !== undefined || session !== undefined || token !== undefined || room !== undefined
  const isSubject = fits(tenant, keys.tenant) && fits(user, keys.subject)
  return (
    isNamed && isSubject && fits(session, keys.session) && fits(token, keys.token) && fits(room, keys.room)
  )
}

function fits(wanted: string | undefined, key: string | undefined): boolean {
  return wanted === undefined || wanted === key
}

/**
 * The sockets of this process, by their keys. The cost of a look-up depends on the sockets that it finds, not
 * on all open sockets. A socket that has ended can be found while its handlers run.
 */
export class Registry<S extends { keys: SocketKeys } = OpenSocket> {
  readonly #all = new TransientSet<S>()
  /** The sockets that have ended. */
  #left: OneOrMore<S>
  readonly #by = {
    account: new ManyByKey<S>(),
    /** The guests by their identity, because their account is that of their network. */
    guest: new ManyByKey<S>(),
    session: new ManyByKey<S>(),
    token: new ManyByKey<S>(),
    room: new ManyByKey<S>(),
  }

  /** The tenants in which a subject has sockets, without the unnamed tenant: most servers have no other. */
  readonly #tenants = new Map<string, Set<string>>()

  /** How many sockets are open. */
  get size(): number {
    return this.#all.size - sizeOf(this.#left)
  }

  [Symbol.iterator](): IterableIterator<S> {
    return this.#all.values()
  }

  /** The keys of the oldest socket of the account where they are equal to these: the tabs of one user share theirs. */
  shared(keys: SocketKeys): SocketKeys {
    const oldest = firstOf(this.#by.account.get(keys.account))
    return oldest !== undefined && isEqual(oldest.keys, keys) ? oldest.keys : keys
  }

  add(socket: S): void {
    this.#all.add(socket)
    this.#place(socket, null, socket.keys)
  }

  /** Marks a socket as ended. It can still be found. */
  leave(socket: S): void {
    if (this.#all.has(socket)) this.#left = withValue(this.#left, socket)
  }

  delete(socket: S): void {
    this.#left = withoutValue(this.#left, socket)
    if (this.#all.delete(socket)) this.#place(socket, socket.keys, null)
  }

  /** Moves an open socket to new keys. It keeps its age in the order of sockets. */
  move(socket: S, keys: SocketKeys): void {
    if (!this.#all.has(socket)) return
    this.#place(socket, socket.keys, keys)
    socket.keys = keys
  }

  /**
   * The sockets of one account: those of an identity, or of the guests of one network. First come those that
   * have ended, then those that are open, each group with the oldest first.
   */
  of({ account }: Pick<SocketKeys, 'account'>): readonly S[] {
    const all = [...valuesOf(this.#by.account.get(account))]
    return [true, false].flatMap((has) => all.filter((one) => includes(this.#left, one) === has))
  }

  /** How many sockets `of` would return, counted without a list. */
  countOf({ account }: Pick<SocketKeys, 'account'>): number {
    return sizeOf(this.#by.account.get(account))
  }

  /** The sockets that a filter selects. The list does not change while its sockets are ended. */
  find(filter: SocketFilter): readonly S[] {
    return this.#candidates(filter).filter((socket) => matches(filter, socket.keys))
  }

  /** The sockets of the narrowest key of a filter. */
  #candidates({ user, session, token, room, tenant }: SocketFilter): readonly S[] {
    if (token !== undefined) return [...valuesOf(this.#by.token.get(token))]
    if (session !== undefined) return [...valuesOf(this.#by.session.get(session))]
    if (user === undefined) return room === undefined ? [] : [...valuesOf(this.#by.room.get(room))]
    const tenants = tenant === undefined ? ['', ...(this.#tenants.get(user) ?? [])] : [tenant]
    return tenants.flatMap((one) => this.#ofIdentity(one, user))
  }

  /** The sockets of an identity, whose account has its key, and of the guests of the same name. */
  #ofIdentity(tenant: string, subject: string): readonly S[] {
    const key = identityKey(tenant, subject)
    return [...valuesOf(this.#by.account.get(key)), ...valuesOf(this.#by.guest.get(key))]
  }

  /** Moves a socket from some keys to others; `null` stands for none. */
  #place(socket: S, before: SocketKeys | null, after: SocketKeys | null): void {
    const { account, guest, session, token, room } = this.#by
    move(account, socket, before?.account, after?.account)
    move(guest, socket, guestKey(before), guestKey(after))
    move(session, socket, before?.session, after?.session)
    move(token, socket, before?.token, after?.token)
    move(room, socket, before?.room, after?.room)
    if (before !== null && before.tenant !== '') this.#forgetTenant(before)
    if (after !== null && after.tenant !== '') this.#noteTenant(after)
  }

  #noteTenant({ tenant, subject }: SocketKeys): void {
    this.#tenants.set(subject, (this.#tenants.get(subject) ?? new Set()).add(tenant))
  }

  #forgetTenant({ tenant, subject }: SocketKeys): void {
    if (this.#ofIdentity(tenant, subject).length > 0) return
    const named = this.#tenants.get(subject)
    named?.delete(tenant)
    if (named?.size === 0) this.#tenants.delete(subject)
  }
}

function move<S extends object>(
  index: ManyByKey<S>,
  socket: S,
  before: string | undefined,
  after: string | undefined,
): void {
  if (before === after) return
  if (before !== undefined) index.delete(before, socket)
  if (after !== undefined) index.add(after, socket)
}

function isEqual(one: SocketKeys, other: SocketKeys): boolean {
  return (
    one.tenant === other.tenant &&
    one.subject === other.subject &&
    one.session === other.session &&
    one.token === other.token &&
    one.room === other.room &&
    one.network === other.network &&
    one.account === other.account
  )
}

function guestKey(keys: SocketKeys | null): string | undefined {
  return keys?.network === undefined ? undefined : identityKey(keys.tenant, keys.subject)
}
