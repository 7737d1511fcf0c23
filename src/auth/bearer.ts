import { endMs, type Identity, issuedMs, noValidDate, type TimedIdentity } from '../core/api/identity.ts'
import { andThen, type Awaitable } from '../core/runtime/awaitable.ts'
import { Denial } from '../wire/errors.ts'
import { scopesOf, type Statement } from './claims.ts'
import { fingerprint } from './fingerprint.ts'
import type { Found } from './found.ts'
import { InvalidToken } from './invalid-token.ts'
import { issuerScoped } from './issuer-scoped.ts'

/** Finds the holder of a token with these claims. */
export interface Holders<U, C> {
  user(claims: C): Found<U>
  /** The name of the identity; by default the `id` of the user. */
  readonly subject?: ((claims: C) => Found<string>) | undefined
}

/** The fields that an identity takes from its token. */
export interface TokenFacts {
  token?: string | undefined
  session?: string | undefined
  scopes?: readonly string[] | undefined
  /** When it was issued, in seconds since 1970, as in its claim: such a number takes no memory of its own in V8. */
  issued?: number | undefined
  /** When it ends, in seconds since 1970. */
  end?: number | undefined
}

/** A 401 `invalid-token`, with the same text for every reason; `why` is for operators. */
export function refusedToken(why: string, genuine: boolean): Denial {
  return new Denial(401, 'invalid-token', 'the token is not valid', {
    challenge: 'Bearer error="invalid_token"',
    detail: why,
    genuine,
  })
}

/**
 * The holder of a genuine token, or the refusal: why the token is refused all the same, or `null` when there
 * is no holder any more. It does not count as a failed attempt.
 */
export function orRefused<U>(holder: Identity<U> | InvalidToken | null): Identity<U> | Denial {
  if (holder === null) return refusedToken('the user of this token is gone', true)
  return holder instanceof InvalidToken ? refusedToken(holder.why, true) : holder
}

/**
 * The identity of the holder of a token, who is looked up again at each renewal; `null` when there is no
 * holder any more.
 */
export function heldBy<U, C>(
  holders: Holders<U, C>,
  claims: C,
  facts: TokenFacts,
): Awaitable<Identity<U> | null> {
  return andThen(holders.user(claims), (user) => {
    if (user === null || user === undefined) return null
    const identity = new HeldIdentity<U, C>(user, facts, { holders, claims })
    if (holders.subject === undefined) return identity
    return andThen(holders.subject(claims), (subject) => {
      if (subject === null || subject === undefined) return null
      identity.subject = subject
      return identity
    })
  })
}

/** What an identity is renewed with. */
interface Renewal<U, C> {
  readonly holders: Holders<U, C>
  readonly claims: C
}

/**
 * The identity of a holder. It lives as long as its socket, so its times are numbers: a `Date` is made when the application
 * reads one, and then kept, because the application may change it. Each public property is the object's own, so that a copy
 * has it too.
 */
class HeldIdentity<U, C> implements Identity<U>, TimedIdentity {
  readonly user: U
  declare readonly token?: string
  declare readonly session?: string
  declare readonly scopes?: readonly string[]
  declare readonly issuedAt?: Date
  declare readonly expires?: Date
  declare readonly renew: () => Awaitable<Identity<U> | null>
  declare subject?: string
  /** In seconds since 1970, or the `Date` that the application has read or set. */
  #issued: number | Date | undefined
  #end: number | Date | undefined
  readonly #holders: Holders<U, C>
  readonly #claims: C

  constructor(user: U, facts: TokenFacts, { holders, claims }: Renewal<U, C>) {
    const { token, session, scopes, issued, end } = facts
    this.user = user
    this.#issued = issued
    this.#end = end
    this.#holders = holders
    this.#claims = claims
    if (token !== undefined) this.token = token
    if (session !== undefined) this.session = session
    if (scopes !== undefined) this.scopes = scopes
    if (issued !== undefined) Object.defineProperty(this, 'issuedAt', HeldIdentity.#made.issuedAt)
    if (end !== undefined) Object.defineProperty(this, 'expires', HeldIdentity.#made.expires)
    Object.defineProperty(this, 'renew', HeldIdentity.#made.renew)
  }

  get [issuedMs](): number | undefined {
    return msOf(this.#issued)
  }

  get [endMs](): number | undefined {
    return msOf(this.#end)
  }

  /** The same for all identities, so that it takes no memory of each. */
  static readonly #made = {
    issuedAt: property({
      get(this: HeldIdentity<unknown, unknown>) {
        return (this.#issued = dateOf(this.#issued))
      },
      set(this: HeldIdentity<unknown, unknown>, date: Date | undefined) {
        this.#issued = checkedDate(date)
      },
    }),
    expires: property({
      get(this: HeldIdentity<unknown, unknown>) {
        return (this.#end = dateOf(this.#end))
      },
      set(this: HeldIdentity<unknown, unknown>, date: Date | undefined) {
        this.#end = checkedDate(date)
      },
    }),
    renew: property({
      get(this: HeldIdentity<unknown, unknown>) {
        return () => heldBy(this.#holders, this.#claims, this.#facts)
      },
      set(this: object, renew: unknown) {
        Object.defineProperty(this, 'renew', {
          value: renew,
          writable: true,
          enumerable: true,
          configurable: true,
        })
      },
    }),
  }

  /** As they are now: an earlier end that the application has set is that of the renewed identity too. */
  get #facts(): TokenFacts {
    const { token, session, scopes } = this
    return { token, session, scopes, issued: secondsOf(this.#issued), end: secondsOf(this.#end) }
  }
}

/** @throws TypeError when it is no date: a number would be taken for seconds */
function checkedDate(date: Date | undefined): Date | undefined {
  if (date === undefined || isDate(date)) return date
  throw noValidDate()
}

function isDate(value: unknown): value is Date {
  return typeof value === 'object' && value !== null && 'getTime' in value
}

function property(accessors: Pick<PropertyDescriptor, 'get' | 'set'>): PropertyDescriptor {
  return { ...accessors, enumerable: true, configurable: true }
}

/** Rounded, because a number of seconds may have a part that no `Date` can hold. */
function msOf(time: number | Date | undefined): number | undefined {
  return typeof time === 'number' ? Math.round(time * 1000) : time?.getTime()
}

function dateOf(time: number | Date | undefined): Date | undefined {
  return typeof time === 'number' ? new Date(Math.round(time * 1000)) : time
}

function secondsOf(time: number | Date | undefined): number | undefined {
  return typeof time === 'number' || time === undefined ? time : time.getTime() / 1000
}

/**
 * The token, session, age and scopes of an identity, from the claims of its token. Token and session are
 * named within their issuer, if there is one. A token without `jti` is named by the hash of its text.
 *
 * @param text the part of the token that has one spelling: header and payload, without the signature
 */
export function factsOf(claims: Statement, issuer: string | null, text: string): TokenFacts {
  const { jti, sid, iat } = claims
  return {
    token: jti === undefined ? fingerprint(text) : nameWithin(issuer, jti),
    session: sid === undefined ? undefined : nameWithin(issuer, sid),
    scopes: scopesOf(claims) ?? undefined,
    // a renewal calls `user` alone: without `iat` the token counts as older than any revocation
    issued: iat ?? 0,
    end: undefined,
  }
}

function nameWithin(issuer: string | null, id: string): string {
  return issuer === null ? id : issuerScoped(issuer, id)
}

/** When a token ends, in seconds since 1970. A token that was accepted within the tolerance is also valid to the end of it. */
export function tokenEnd(exp: number, toleranceMs: number, nowMs: number): number {
  return exp * 1000 > nowMs ? exp : exp + toleranceMs / 1000
}
