import { randomBytes } from 'node:crypto'
import { authenticatorOf } from '../core/access/authenticator.ts'
import type { Authenticator, AuthRequest } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import { limitLookup } from '../core/access/limit-lookup.ts'
import type { Identity } from '../core/api/identity.ts'
import { andThen, type Awaitable } from '../core/runtime/awaitable.ts'
import type { Store } from '../core/api/layer.ts'
import { aBound } from '../core/api/limits.ts'
import { isOrigin } from '../core/access/origin.ts'
import { toBase64url } from '../wire/to-base64url.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import { Denial, deny, SallyportError } from '../wire/errors.ts'
import {
  aDate,
  aDuration,
  aFunction,
  aString,
  checkedOptions,
  having,
  type OptionKind,
  type OptionKinds,
  needed,
  orUndefined,
  strings,
} from '../wire/options.ts'
import { jsonObject } from './compact-token.ts'
import { fingerprint, sha256Hex } from './fingerprint.ts'
import type { Found } from './found.ts'
import { TicketQuota } from './ticket-quota.ts'

/** The identity that a ticket is for, and where it is valid: the argument of {@link Tickets.mint}. */
export interface TicketRequest {
  /** The subject of the identity that asks, such as the user's id. */
  readonly subject: string
  /**
   * The session and token of the identity, as its authenticator names them, so that ending them ends what the
   * ticket opened: for an OpenID provider `issuerScoped(issuer, sid)`, for a store of yours the name that its
   * authenticator gives.
   */
  readonly session?: string | undefined
  readonly token?: string | undefined
  readonly scopes?: readonly string[] | undefined
  /**
   * When the session or token of the identity was issued: `iat` of a token, the sign-in of a session. A later
   * revocation of the subject refuses the ticket, however young the ticket itself is. `new Date(0)` when this
   * is not known: any revocation refuses that.
   */
  readonly issuedAt: Date
  /** When the identity ends. What the ticket opens ends with it. */
  readonly expires?: Date | undefined
  /** The exact `Origin` of the page that will use it; `null` for a client that sends none. */
  readonly origin: string | null
  /** The exact path of the handshake: percent-encoded, without query. */
  readonly path: string
}

/** What the store keeps of a ticket: all but the ticket itself. */
export interface TicketRecord {
  readonly subject: string
  readonly session: string | null
  readonly token: string | null
  readonly scopes: readonly string[] | null
  readonly issuedAt: Date
  readonly expires: Date | null
  readonly origin: string | null
  readonly path: string
}

/** A ticket as its holder gets it. */
export interface Ticket {
  readonly ticket: string
  /** For how many seconds it can be used. */
  readonly expiresIn: number
}

/** What {@link tickets} needs. */
export interface TicketOptions<U> {
  /** Where unused tickets are kept: the server's `store`, so that any node can redeem them. */
  readonly store: Store
  /**
   * The user of a ticket; `null` or `undefined` when there is none any more. Called again at each renewal.
   */
  user(record: TicketRecord): Found<U>
  /** How long a ticket can be used; 30 seconds, 5 minutes at most. */
  readonly ttl?: Duration
  /** How many unused tickets one subject may have, of those that this process has made; 100, then 429. */
  readonly perSubject?: number
  /** A source of unpredictable bytes; by default `node:crypto`. */
  readonly random?: (bytes: number) => Uint8Array
  readonly clock?: Clock
}

const anything = needed({ wanted: 'anything', is: () => true })
const kinds: OptionKinds<TicketOptions<unknown>> = {
  store: needed(having('put', 'take')),
  user: needed(aFunction),
  ttl: aDuration,
  perSubject: aBound,
  random: aFunction,
  clock: aClock,
}
/**
 * The age of the identity is required: otherwise a ticket would be as young as its making, and a ban would
 * not refuse an old token behind it.
 */
const anAge: OptionKind = {
  wanted:
    'a valid Date: when the session or token behind the ticket was issued, or new Date(0) where that is not known',
  is: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
}
const requestKinds: OptionKinds<TicketRequest> = {
  subject: needed(aString),
  session: orUndefined(aString),
  token: orUndefined(aString),
  scopes: orUndefined(strings),
  issuedAt: needed(anAge),
  expires: orUndefined(aDate),
  // these two come from the client, which gets its own error for them
  origin: anything,
  path: anything,
}

/** The authenticator of tickets, which also makes them. */
export interface Tickets<U> extends Authenticator<U> {
  /**
   * Makes a ticket: 32 random bytes, of which only the SHA-256 is stored.
   *
   * @throws Denial 400 when origin or path is malformed (both come from the client); 401 when the identity
   * has ended or was issued in the future; 429 `too-many-tickets` when too many tickets of the subject wait
   * to be used; TypeError when subject or `issuedAt` is missing; the error of the store
   * @example
   * const { ticket, expiresIn } = await tickets.mint({ subject: user.id, session: session.id, issuedAt:
   * session.createdAt, expires: session.expiresAt, origin, path: '/ws/chat/lobby' })
   */
  mint(request: TicketRequest): Promise<Ticket>
}

const shape = /^[A-Za-z0-9_-]{43}$/
const maxTtlMs = 300_000
/** How far in the future an identity may be issued: clocks differ. */
const toleranceMs = 5_000

/**
 * Authenticates by tickets that can be used once: it is for a page that can send neither a cookie nor a
 * header. The page fetches a ticket over HTTPS with its session, and opens the socket with it. A ticket is
 * used up by the first attempt, also by one that fails, and is valid for one origin and one path. What it
 * opens ends with the identity that asked for it.
 *
 * A used, foreign, expired or invented ticket is 401 `invalid-ticket`, with the same text for all.
 *
 * @throws SallyportError ERR_CONFIGURATION when `ttl` is 0 or above 5 minutes; TypeError when `perSubject` is
 * no whole number from 1
 * @example const ticket = tickets({ store: server.store, user: ({ subject }) => users.find(subject) })
 */
export function tickets<U>(options: TicketOptions<U>): Tickets<U> {
  options = checkedOptions('tickets()', options, kinds)
  const ttlMs = milliseconds(options.ttl ?? '30s')
  if (ttlMs < 1 || ttlMs > maxTtlMs)
    throw new SallyportError('ERR_CONFIGURATION', "a ticket's ttl is above 0 and at most 5 minutes")
  const { clock = systemClock, perSubject = 100 } = options
  const office: Office<U> = { options, clock, ttlMs, waiting: new TicketQuota(perSubject, clock) }
  const mint = (request: TicketRequest): Promise<Ticket> => issue(office, request)
  return authenticatorOf(
    (request) => {
      const ticket = request.credentials.of('ticket')
      return ticket === null ? null : redeem(office, ticket, request)
    },
    { mint, schemes: [scheme], limitsLookups: true },
  )
}

interface Office<U> {
  readonly options: TicketOptions<U>
  readonly clock: Clock
  readonly ttlMs: number
  readonly waiting: TicketQuota
}

const scheme = {
  type: 'httpApiKey',
  in: 'header',
  name: 'Sec-WebSocket-Protocol',
  description: 'A one-use ticket as the subprotocol sallyport.ticket.<base64url>, beside one to be answered.',
} as const

async function issue<U>(
  { options, clock, ttlMs, waiting }: Office<U>,
  request: TicketRequest,
): Promise<Ticket> {
  const { store, random = randomBytes } = options
  request = checkedOptions('mint()', request, requestKinds)
  const now = clock.now()
  const record = recordOf(request, now)
  const lifeMs = Math.min(ttlMs, (record.expires?.getTime() ?? Number.POSITIVE_INFINITY) - now)
  if (!(lifeMs > 0)) refuseMint('an identity that has ended asked for a ticket')
  waiting.add(record.subject, lifeMs)
  const ticket = toBase64url(random(32))
  try {
    await store.put(keyOf(ticket), packed(record, now + lifeMs), Math.ceil(lifeMs))
  } catch (error) {
    waiting.remove(record.subject)
    throw error
  }
  return { ticket, expiresIn: lifeMs / 1000 }
}

async function redeem<U>(
  { options, clock, waiting }: Office<U>,
  ticket: string,
  request: AuthRequest,
): Promise<Identity<U> | Denial> {
  if (!shape.test(ticket)) return refused('malformed', false)
  limitLookup(request)
  // taken before anything is awaited: of several concurrent attempts, one gets it
  const bytes = await options.store.take(keyOf(ticket))
  const found = bytes === null ? null : unpacked(bytes)
  if (found === null) return refused('unknown, used or expired', false)
  const { record, until } = found
  waiting.remove(record.subject)
  if (until <= clock.now()) return refused('expired', true)
  if (record.origin !== request.origin) return refused('made for another origin', true)
  if (record.path !== request.path) return refused('made for another path', true)
  return (await identityOf(options, record, fingerprint(ticket))) ?? refused('its user is gone', true)
}

function identityOf<U>(
  options: TicketOptions<U>,
  record: TicketRecord,
  id: string,
): Awaitable<Identity<U> | null> {
  const { subject, session, token, scopes, issuedAt, expires } = record
  return andThen(options.user(record), (user) => {
    if (user === null || user === undefined) return null
    return {
      user,
      subject,
      issuedAt,
      token: token ?? id,
      ...(session === null ? {} : { session }),
      ...(scopes === null ? {} : { scopes }),
      ...(expires === null ? {} : { expires }),
      renew: () => identityOf(options, record, id),
    }
  })
}

function refused(why: string, genuine: boolean): Denial {
  return new Denial(401, 'invalid-ticket', 'the ticket is not valid', {
    challenge: 'Bearer error="invalid_token"',
    detail: `the ticket is ${why}`,
    genuine,
  })
}

function refuseMint(detail: string): never {
  return deny(401, 'unauthenticated', 'sign in first', { detail })
}

function keyOf(ticket: string): string {
  return `ticket/${sha256Hex(ticket)}`
}

function recordOf(request: TicketRequest, now: number): TicketRecord {
  const {
    subject,
    session = null,
    token = null,
    scopes = null,
    issuedAt,
    expires = null,
    origin,
    path,
  } = request
  // an identity from the future would outlive a revocation, which refuses what was issued before it
  if (issuedAt.getTime() > now + toleranceMs) refuseMint('an identity from the future asked for a ticket')
  if (origin !== null && !(typeof origin === 'string' && isOrigin(origin)))
    deny(400, 'bad-origin', "'origin' must be an origin such as https://app.example")
  if (!isPath(path))
    deny(400, 'bad-path', "'path' must be the path of an endpoint, percent-encoded and without query")
  return { subject, session, token, scopes, issuedAt, expires, origin, path }
}

function isPath(path: unknown): boolean {
  return typeof path === 'string' && path.length <= 2048 && /^\/[!$-;=@-~]*$/.test(path)
}

function packed(record: TicketRecord, until: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...record, until }))
}

/** A record from the store. Other writers may use the store, so each field is checked. */
function unpacked(bytes: Uint8Array): { readonly record: TicketRecord; readonly until: number } | null {
  const kept = jsonObject(bytes)
  if (kept === null) return null
  const { subject, session, token, scopes, issuedAt, expires, origin, path, until } = kept
  if (typeof subject !== 'string' || typeof path !== 'string' || typeof until !== 'number') return null
  if (!isTextOrNull(session) || !isTextOrNull(token) || !isTextOrNull(origin) || !isTextsOrNull(scopes))
    return null
  const issued = dateOf(issuedAt)
  const ends = expires === null ? null : dateOf(expires)
  if (issued === undefined || ends === undefined) return null
  return { record: { subject, session, token, scopes, issuedAt: issued, expires: ends, origin, path }, until }
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isTextsOrNull(value: unknown): value is readonly string[] | null {
  return value === null || (Array.isArray(value) && value.every((one) => typeof one === 'string'))
}

function dateOf(value: unknown): Date | undefined {
  const date = typeof value === 'string' ? new Date(value) : null
  return date === null || Number.isNaN(date.getTime()) ? undefined : date
}
