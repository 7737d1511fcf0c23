import type { Messenger } from '../core/api/messenger.ts'
import { fingerprint } from './fingerprint.ts'
import { aFunction, assertKind, checkedOptions, having, type OptionKinds } from '../wire/options.ts'

/** The callback of a store, with an error if there was one. */
export type StoreDone = (error?: unknown) => void

/** The methods of a store that are followed, as express-session and similar packages call them. */
export interface FollowedStore<S> {
  /** Reads a session. */
  get(id: string, done: (error: unknown, session?: S | null) => void): unknown
  /** Writes one. */
  set(id: string, session: S, done?: StoreDone): unknown
  /** Ends one. */
  destroy(id: string, done?: StoreDone): unknown
}

/** How sessions are followed. */
export interface FollowOptions<S> {
  /**
   * The owner of a session, such as the id of its user; `null` or `undefined` when it has none. With this
   * option, the end of a session without an owner is ignored. A session that is saved with another owner, or
   * without one, is rechecked.
   */
  readonly owner?: (session: S) => string | number | null | undefined
}

const kinds: OptionKinds<FollowOptions<never>> = { owner: aFunction }

/**
 * Ends sockets with the sessions of a store, on every node. A session that `destroy` ends (a logout,
 * `regenerate`, a session that is unset) is revoked: 4401. With `owner`, a session that is saved with another
 * owner or none is rechecked, which is 4401 as well.
 *
 * The sockets of this process close at once, and the store's own callback is called when the other nodes have
 * answered. Only calls on this object are noticed. A session that ends in another way is noticed at its
 * expiry or at the next lease.
 *
 * @throws TypeError when the store lacks a method
 * @example followSessions(store, server, { owner: ({ userId }) => userId })
 */
export function followSessions<S extends object>(
  store: FollowedStore<S>,
  server: Pick<Messenger, 'revoke' | 'recheck'>,
  options: FollowOptions<S> = {},
): void {
  assertKind('the store of followSessions()', store, having('get', 'set', 'destroy'))
  assertKind('the server of followSessions()', server, having('revoke', 'recheck'))
  options = checkedOptions('followSessions()', options, kinds)
  const { owner = () => 'any owner' } = options
  const followed = new Followed(store, server, (session) => owner(session) ?? null)
  store.get = (id, done) => followed.get(id, done)
  store.set = (id, session, done) => followed.set(id, session, done)
  store.destroy = (id, done) => followed.destroy(id, done)
}

/** `null` for a session without an owner, `undefined` when the owner is not known. */
type Owner = string | number | null | undefined

/** How many owners are remembered. Usually a session is saved by the process that has just read it. */
const maxKnown = 10_000

/** The store as it was, and the owners of its sessions as they were last seen. */
class Followed<S extends object> {
  readonly #store: FollowedStore<S>
  readonly #server: Pick<Messenger, 'revoke' | 'recheck'>
  readonly #owner: (session: S) => Owner
  readonly #known = new Map<string, Owner>()
  #hasForgotten = false

  constructor(
    store: FollowedStore<S>,
    server: Pick<Messenger, 'revoke' | 'recheck'>,
    owner: (session: S) => Owner,
  ) {
    const { get, set, destroy } = store
    this.#store = { get: get.bind(store), set: set.bind(store), destroy: destroy.bind(store) }
    this.#server = server
    this.#owner = owner
  }

  get(id: string, done: (error: unknown, session?: S | null) => void): unknown {
    return this.#store.get(id, (error, session) => {
      if (session !== null && session !== undefined) this.#learn(id, this.#owner(session))
      return done(error, session)
    })
  }

  set(id: string, session: S, done?: StoreDone): unknown {
    // a session that this process has never seen is new: no socket can rest on it
    if (this.#known.has(id) || !this.#hasForgotten) return this.#save(id, session, done)
    return this.#store.get(id, (error, found) => {
      if (found !== null && found !== undefined) this.#learn(id, this.#owner(found))
      else if (error) this.#learn(id, undefined)
      return this.#save(id, session, done)
    })
  }

  destroy(id: string, done?: StoreDone): unknown {
    if ((this.#known.get(id) ?? null) !== null) return this.#end(id, done)
    // another process may have given it an owner meanwhile: the store is asked
    return this.#store.get(id, (error, session) => {
      const isFound = session !== null && session !== undefined
      const isOwned = isFound ? this.#owner(session) !== null : Boolean(error)
      // a store with promises waits for what its callback returns
      return isOwned ? this.#end(id, done) : this.#store.destroy(id, done)
    })
  }

  #save(id: string, session: S, done: StoreDone | undefined): unknown {
    const owner = this.#owner(session)
    if (this.#known.has(id) && this.#known.get(id) !== owner)
      return this.#handOver(id, { session, owner }, done)
    this.#learn(id, owner)
    return this.#store.set(id, session, done)
  }

  /** Saves a session with another owner, and has its sockets rechecked. */
  #handOver(id: string, { session, owner }: { session: S; owner: Owner }, done?: StoreDone): unknown {
    const again = (error?: unknown): Promise<void> => {
      // after an error the owner is unchanged, so that another attempt is a change as well
      if (!error) this.#learn(id, owner)
      return this.#whenAnswered(this.#server.recheck({ session: fingerprint(id) }), () => done?.(error))
    }
    if (done !== undefined) return this.#store.set(id, session, (error) => void again(error))
    const stored = this.#store.set(id, session)
    // the caller holds the promise and is told of its failure
    Promise.resolve(stored).then(
      () => again(),
      () => {},
    )
    return stored
  }

  #end(id: string, done: StoreDone | undefined): unknown {
    this.#known.delete(id)
    // revoked first: a client that returns at once is refused, even while the store may still have the
    // session
    const revoked = this.#whenAnswered(
      this.#server.revoke({ session: fingerprint(id), reason: 'signed out' }),
    )
    if (done === undefined) return this.#store.destroy(id)
    return this.#store.destroy(id, (error) => void this.#whenAnswered(revoked, () => done(error)))
  }

  /**
   * Continues when the other nodes have answered. When they cannot be told, that is no error of the store;
   * the server reports it.
   */
  async #whenAnswered(command: Promise<unknown>, goOn: () => void = () => {}): Promise<void> {
    await command.catch(() => {})
    goOn()
  }

  #learn(id: string, owner: Owner): void {
    this.#known.delete(id)
    this.#known.set(id, owner)
    // the oldest come first
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxKnown) return
      this.#known.delete(oldest)
      this.#hasForgotten = true
    }
  }
}
