import type { Authenticator } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import { isRecord } from '../wire/json.ts'
import {
  aFunction,
  aString,
  checkedOptions,
  having,
  type OptionKinds,
  needed,
  oneOrMore,
} from '../wire/options.ts'
import type { Found } from './found.ts'
import { sessions } from './sessions.ts'

export { fingerprint } from './fingerprint.ts'
export { type FollowedStore, type FollowOptions, followSessions, type StoreDone } from './follow-sessions.ts'

/** A session of express-session beside your own fields. */
export interface StoredSession {
  readonly cookie: { readonly expires?: unknown }
}

/** The part of a store of express-session that is used. */
export interface ExpressStore<S> {
  /** Reads a session. */
  get(id: string, done: (error: unknown, session?: S | null) => void): unknown
}

/** What {@link expressSession} needs: the options that the site gives to express-session, and its users. */
export interface ExpressSessionOptions<S, U> {
  /** The store of the site, the same object. */
  readonly store: ExpressStore<S>
  /** Its `secret`, or several while one is being replaced. */
  readonly secret: string | readonly string[]
  /** Its `name`; `'connect.sid'`. */
  readonly cookie?: string
  /** The user of a session; `null` or `undefined` when it has none. Called again at each renewal. */
  user(session: S): Found<U>
  /**
   * When a session ends. It is for a store whose `touch` does not change the date in the session, so that the
   * store alone knows the real end. connect-redis does not need this option.
   */
  readonly expires?: (session: S, id: string) => Found<Date>
  /** When the session began: a revocation of its user refuses sessions from before. */
  readonly issuedAt?: (session: S) => Date | null | undefined
  readonly clock?: Clock
}

const kinds: OptionKinds<ExpressSessionOptions<StoredSession, unknown>> = {
  store: needed(having('get')),
  secret: needed(oneOrMore('the secret of express-session')),
  cookie: aString,
  user: needed(aFunction),
  expires: aFunction,
  issuedAt: aFunction,
  clock: aClock,
}

/** For how long the result of a store is trusted that keeps a session beyond the date in it. */
const heldMs = 60_000

/**
 * Authenticates by the sessions of express-session (and of packages with the same cookie, such as
 * `@fastify/session` with `cookiePrefix: 's:'`): the signed cookie, its session in the site's own store, its
 * user. For a cookie that is unknown, stale or badly signed it returns `null`, because browsers send cookies
 * unasked. It writes nothing: an open socket does not keep a session alive.
 *
 * `renew` reads session and user again, so that a lease notices a logout, and a session that requests have
 * prolonged stays valid.
 *
 * @throws TypeError when an option is unknown or malformed, such as a secret that is missing or empty
 * @example expressSession({ store, secret, user: ({ userId }) => users.find(userId) })
 */
export function expressSession<S extends StoredSession, U>(
  options: ExpressSessionOptions<S, U>,
): Authenticator<U> {
  options = checkedOptions('expressSession()', options, kinds)
  const { cookie = 'connect.sid', secret, issuedAt, clock = systemClock } = options
  return sessions({
    cookie,
    secret,
    load: (id) => load(options, id, clock),
    user: ({ session }) => options.user(session),
    expires: ({ expires }) => expires,
    ...(issuedAt === undefined ? {} : { issuedAt: ({ session }: Loaded<S>) => issuedAt(session) }),
    clock,
  })
}

interface Loaded<S> {
  readonly session: S
  readonly expires: Date | null
}

async function load<S extends StoredSession>(
  { store, expires }: Pick<ExpressSessionOptions<S, unknown>, 'store' | 'expires'>,
  id: string,
  clock: Clock,
): Promise<Loaded<S> | null> {
  const [session, leftMs] = await Promise.all([read(store, id), redisTtl(store, id)])
  if (session === null) return null
  if (expires !== undefined) return { session, expires: (await expires(session, id)) ?? null }
  // -1 is a key without an end; a key that is gone has -2, and its session is over
  if (leftMs !== null && leftMs !== -1) return { session, expires: new Date(clock.now() + leftMs) }
  return { session, expires: dateIn(session, { now: clock.now(), isTouched: 'touch' in store }) }
}

function read<S>(store: ExpressStore<S>, id: string): Promise<S | null> {
  return new Promise((resolve, reject) => {
    store.get(id, (error, session) => {
      // as in express-session: a session without a file does not exist
      if (isRecord(error) && error['code'] === 'ENOENT') resolve(null)
      else if (error !== null && error !== undefined) reject(error)
      else resolve(session ?? null)
    })
  })
}

/** How long connect-redis keeps a session, which `touch` prolongs without a change of the session itself. */
async function redisTtl<S>({ client, prefix }: MaybeRedis<S>, id: string): Promise<number | null> {
  if (typeof prefix !== 'string' || !isRecord(client) || typeof client['pTTL'] !== 'function') return null
  const leftMs: unknown = await client['pTTL'](prefix + id)
  return typeof leftMs === 'number' ? leftMs : null
}

/** A store that may be that of connect-redis, which shows these two. */
type MaybeRedis<S> = ExpressStore<S> & { readonly client?: unknown; readonly prefix?: unknown }

/**
 * The date in a session, unless the store has prolonged it; `null` for a session that ends with the browser.
 */
function dateIn(
  { cookie }: StoredSession,
  { now, isTouched }: { readonly now: number; readonly isTouched: boolean },
): Date | null {
  const { expires } = cookie
  if (!(expires instanceof Date) && typeof expires !== 'string') return null
  const date = new Date(expires)
  return date.getTime() <= now && isTouched ? new Date(now + heldMs) : date
}
