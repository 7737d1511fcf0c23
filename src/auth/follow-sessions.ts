import type { Messenger } from '../core/api/messenger.ts'
import { fingerprint } from './fingerprint.ts'
import { aFunction, assertKind, checkedOptions, having, type OptionKinds } from '../wire/options.ts'

/** What a store calls when it is done, with what went wrong if anything did. */
export type StoreDone = (error?: unknown) => void

/** The methods of a store that are followed, as express-session and its kin call them. */
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
   * Whose a session is, such as the id of its user; `null` or `undefined` when it is nobody's. With it the end
   * of a session that is nobody's is passed over, and a session that is saved with another owner, or none, is
   * asked again.
   */
  readonly owner?: (session: S) => string | number | null | undefined
}

const kinds: OptionKinds<FollowOptions<never>> = { owner: aFunction }

/**
 * Lets sockets end with the sessions of a store, on every node. What `destroy` ends (a logout, `regenerate`, a
 * session that is unset) is revoked: 4401. With `owner`, a session that is saved with another owner or none
 * is asked again, which is 4401 as well.
 *
 * The sockets of this process close at once, and the store's own callback comes when the other nodes have
 * answered. Only what is done through this object is seen: what ends behind its back ends at its expiry or
 * when a lease is asked for.
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
  const { owner = () => 'somebody' } = options
  const followed = new Followed(store, server, (session) => owner(session) ?? null)
  store.get = (id, done) => followed.get(id, done)
  store.set = (id, session, done) => followed.set(id, session, done)
  store.destroy = (id, done) => followed.destroy(id, done)
}

/** `null` where it is nobody's, `undefined` where nobody knows. */
type Owner = string | number | null | undefined

/** How many owners are remembered: a session is mostly saved by the process that has just read it. */
const maxKnown = 10_000

/** A store as it was, and who its sessions belonged to when they were last seen. */
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
    // what this process has never seen is new: nobody can have come in with it
    if (this.#known.has(id) || !this.#hasForgotten) return this.#save(id, session, done)
    return this.#store.get(id, (error, found) => {
      if (found !== null && found !== undefined) this.#learn(id, this.#owner(found))
      else if (error) this.#learn(id, undefined)
      return this.#save(id, session, done)
    })
  }

  destroy(id: string, done?: StoreDone): unknown {
    if ((this.#known.get(id) ?? null) !== null) return this.#end(id, done)
    // somebody may have signed in elsewhere meanwhile: that nobody has is for the store to say
    return this.#store.get(id, (error, session) => {
      const isFound = session !== null && session !== undefined
      const isOwned = isFound ? this.#owner(session) !== null : Boolean(error)
      // a store of promises waits for what its callback returns
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

  /** Saves a session that has another owner from now on, and has its sockets asked again. */
  #handOver(id: string, { session, owner }: { session: S; owner: Owner }, done?: StoreDone): unknown {
    const again = (error?: unknown): Promise<void> => {
      // after a fault it is still whose it was, so that another attempt is a change as well
      if (!error) this.#learn(id, owner)
      return this.#told(this.#server.recheck({ session: fingerprint(id) }), () => done?.(error))
    }
    if (done !== undefined) return this.#store.set(id, session, (error) => void again(error))
    const stored = this.#store.set(id, session)
    // whoever called holds the promise and hears of its failure
    Promise.resolve(stored).then(
      () => again(),
      () => {},
    )
    return stored
  }

  #end(id: string, done: StoreDone | undefined): unknown {
    this.#known.delete(id)
    // revoked first: whoever comes back at once finds the door shut, though the store may still know them
    const told = this.#told(this.#server.revoke({ session: fingerprint(id), reason: 'signed out' }))
    if (done === undefined) return this.#store.destroy(id)
    return this.#store.destroy(id, (error) => void this.#told(told, () => done(error)))
  }

  /** Goes on when the others have answered; that they cannot be told is no fault of the store, and the server reports it. */
  async #told(order: Promise<unknown>, goOn: () => void = () => {}): Promise<void> {
    await order.catch(() => {})
    goOn()
  }

  #learn(id: string, owner: Owner): void {
    this.#known.delete(id)
    this.#known.set(id, owner)
    // the oldest stand first
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxKnown) return
      this.#known.delete(oldest)
      this.#hasForgotten = true
    }
  }
}
