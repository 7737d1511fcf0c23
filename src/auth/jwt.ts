import { compactVerify, errors } from 'jose'
import type { Authenticator, Door, SecurityScheme } from '../core/application.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import type { Identity } from '../core/identity.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import { deny, SallyportError } from '../wire/errors.ts'
import { check, type Schema } from '../wire/schema.ts'
import { type CheckedClaims, checkedClaims, type ClaimRules, type Claims, scopesOf } from './claims.ts'
import { type CompactToken, compactToken, looksLikeToken, unverifiedIssuer } from './compact-token.ts'
import { fingerprint } from './fingerprint.ts'
import type { Found } from './found.ts'
import { hmacVerifier, type Secret } from './hmac.ts'
import { invalid, InvalidToken } from './invalid-token.ts'
import { fixedKeys, type KeySource, remoteKeys } from './jwks.ts'
import { keysOfSet, type PublicKey, verificationKey } from './verification-key.ts'

export type { Claims } from './claims.ts'
export type { Secret } from './hmac.ts'
export type { PublicKey } from './verification-key.ts'

/** What {@link jwt} needs: exactly one of `secret`, `key` and `jwks`, and how a token becomes a user. */
export interface JwtOptions<U, C = Claims> {
  /**
   * Whose tokens these are. Tokens of others are left to the next authenticator; all are ours when it is left
   * out.
   */
  readonly issuer?: string | readonly string[]
  /** For whom they must be meant. Left out, a token that names an audience is refused. */
  readonly audience?: string | readonly string[]
  /** A secret shared with the issuer, for HS256, HS384 and HS512; several while one is being replaced. */
  readonly secret?: Secret | readonly Secret[]
  /** The issuer's public key. */
  readonly key?: PublicKey
  /** The issuer's key set, or its URL. */
  readonly jwks?: URL | { readonly keys: readonly object[] }
  /**
   * The algorithms that may be used, among those of the key; HS256 for a secret, RS256 for an RSA key that
   * names none.
   */
  readonly algorithms?: readonly string[]
  /**
   * The `typ` that a header must say (RFC 8725 section 3.11), such as `'at+jwt'`; left out: none, `JWT` or
   * `at+jwt`.
   */
  readonly typ?: string
  /** How far clocks may differ; 5 seconds. */
  readonly clockTolerance?: Duration
  /** The shape of the claims beyond {@link Claims}, for tokens without `sub` or with more in them. */
  readonly claims?: Schema<unknown, C>
  /**
   * The user whom verified claims are about; `null` or `undefined` when there is none any more. Asked again
   * at each renewal.
   */
  user(claims: C): Found<U>
  /** Names the identity across kinds, such as `robot:7`; the user's `id` when left out. */
  readonly subject?: (claims: C) => string
  readonly clock?: Clock
  /** How remote keys are fetched; the platform's `fetch` when left out. */
  readonly fetch?: typeof fetch
}

/**
 * Settles whether a configured key has signed the token: in this turn where it can. @throws InvalidToken when
 * none has
 */
type Verify = (token: CompactToken) => void | Promise<void>

const usualTypes: readonly (string | null)[] = [null, 'application/jwt', 'application/at+jwt']
/** How many keys are tried for a token that does not name its key. */
const maxCandidates = 8

/**
 * Signed tokens (RFC 7519) as bearer credentials, verified as RFC 8725 wants it: the configuration decides
 * keys and algorithms, a token's header only chooses among them, and nothing of the payload is used before
 * the signature holds.
 *
 * Answers `null` to a credential that is not written like a token or is another issuer's, and 401
 * `invalid-token` to a bad one, with one text for every reason; the reason is the denial's `detail`.
 *
 * @throws SallyportError ERR_CONFIGURATION when keys, secret, algorithms or durations do not fit together
 * @example
 * jwt({ issuer, audience: 'chat', jwks: new URL('/jwks', issuer), user: ({ sub }) => users.find(sub) })
 */
export function jwt<U, C = Claims>(options: JwtOptions<U, C>): Authenticator<U> {
  const reader = readerOf(options)
  const authenticator = async (door: Door): Promise<Identity<U> | null> => {
    const value = door.credentials.of('bearer')
    return value === null || !isOurs(value, reader.rules.issuers) ? null : identify(value, options, reader)
  }
  return Object.assign(authenticator, { schemes: [scheme] })
}

const scheme: SecurityScheme = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'A signed token in the Authorization header, or in the subprotocol list of browsers.',
}

interface Reader {
  readonly verify: Verify
  readonly rules: ClaimRules
  readonly types: readonly (string | null)[]
  readonly clock: Clock
}

function readerOf<U, C>(options: JwtOptions<U, C>): Reader {
  const { issuer, audience, typ, clock = systemClock, clockTolerance = '5s' } = options
  return {
    verify: verifierOf(options, clock),
    rules: {
      issuers: listed(issuer),
      audiences: listed(audience),
      toleranceMs: milliseconds(clockTolerance),
    },
    types: typ === undefined ? usualTypes : [mediaType(typ)],
    clock,
  }
}

function listed(value: string | readonly string[] | undefined): readonly string[] | null {
  if (value === undefined) return null
  return typeof value === 'string' ? [value] : value
}

function verifierOf<U, C>(options: JwtOptions<U, C>, clock: Clock): Verify {
  const { secret, key, jwks, algorithms } = options
  const given = [secret, key, jwks].filter((one) => one !== undefined)
  if (given.length !== 1) throw wrong("jwt() needs exactly one of 'secret', 'key' and 'jwks'")
  if (secret !== undefined) return hmacVerifier(isList(secret) ? secret : [secret], algorithms ?? ['HS256'])
  const allowed = algorithms ?? null
  if (key !== undefined) return signatureVerifier(fixedKeys([verificationKey(key, allowed)]))
  if (jwks instanceof URL)
    return signatureVerifier(remoteKeys(jwks, { algorithms: allowed, clock, fetch: options.fetch ?? fetch }))
  const keys = keysOfSet(jwks, allowed)
  if (keys.length === 0) throw wrong("'jwks' has no key that can verify a signature with these algorithms")
  return signatureVerifier(fixedKeys(keys))
}

function isList(secret: Secret | readonly Secret[]): secret is readonly Secret[] {
  return Array.isArray(secret)
}

function signatureVerifier(source: KeySource): Verify {
  return async (token) => {
    const keys = await source.find(token)
    if (keys.length > maxCandidates) invalid('the token does not name its key, and too many would do')
    for (const { key } of keys) if (await isSignedBy(token, key)) return
    invalid(keys.length === 0 ? 'no configured key has this name and algorithm' : 'the signature is wrong')
  }
}

async function isSignedBy(token: CompactToken, key: Parameters<typeof compactVerify>[1]): Promise<boolean> {
  try {
    await compactVerify(token.text, key, { algorithms: [token.alg] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}

function isOurs(value: string, issuers: readonly string[] | null): boolean {
  if (!looksLikeToken(value)) return false
  return issuers === null || issuers.includes(unverifiedIssuer(value) ?? '')
}

async function identify<U, C>(
  value: string,
  options: JwtOptions<U, C>,
  reader: Reader,
): Promise<Identity<U>> {
  try {
    const token = compactToken(value)
    if (!reader.types.includes(token.typ === null ? null : mediaType(token.typ)))
      invalid('the token is of another type')
    const pending = reader.verify(token)
    if (pending !== undefined) await pending
    const claims = checkedClaims(token.payload, reader.rules, reader.clock.now())
    const own = shaped(options, claims)
    const facts = factsOf(token, claims, reader)
    return (await identityOf(options, own, facts)) ?? invalid('nobody has this token any more')
  } catch (error) {
    if (!(error instanceof InvalidToken)) throw error
    return deny(401, 'invalid-token', 'the token is not valid', {
      challenge: 'Bearer error="invalid_token"',
      detail: error.message,
    })
  }
}

type Facts = Omit<Identity<unknown>, 'user' | 'renew'>

async function identityOf<U, C>(
  options: JwtOptions<U, C>,
  claims: C,
  facts: Facts,
): Promise<Identity<U> | null> {
  const user = await options.user(claims)
  if (user === null || user === undefined) return null
  const subject = options.subject?.(claims)
  return {
    ...facts,
    ...(subject === undefined ? {} : { subject }),
    user,
    renew: () => identityOf(options, claims, facts),
  }
}

function shaped<U, C>(options: JwtOptions<U, C>, claims: CheckedClaims): C {
  if (options.claims === undefined) {
    if (claims['sub'] === undefined)
      invalid("the claim sub is missing: give jwt() a schema as 'claims' for tokens without it")
    // without a schema C is Claims, whose `sub` has just been looked for
    return claims as C
  }
  const checked = check(options.claims, claims)
  return checked.ok ? checked.value : invalid(`the claims do not fit their schema: ${checked.issue}`)
}

/**
 * The token is named by its `jti`, or by the hash of what is signed: an ECDSA signature can be rewritten by
 * anyone without becoming wrong, so it must not be part of the name.
 */
function factsOf(token: CompactToken, claims: CheckedClaims, { rules, clock }: Reader): Facts {
  const { jti, sid, iat, exp } = claims
  const scopes = scopesOf(claims)
  // let in within the tolerance, a token also lives to its end
  const endMs = exp * 1000 > clock.now() ? exp * 1000 : exp * 1000 + rules.toleranceMs
  return {
    token: jti ?? fingerprint(token.signed),
    expires: new Date(endMs),
    ...(sid === undefined ? {} : { session: sid }),
    ...(iat === undefined ? {} : { issuedAt: new Date(iat * 1000) }),
    ...(scopes === null ? {} : { scopes }),
  }
}

/** A `typ` in full (RFC 7515 section 4.1.9): `application/` may be left out, and case does not count. */
function mediaType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.includes('/') ? lower : `application/${lower}`
}

function wrong(message: string): SallyportError {
  return new SallyportError('ERR_CONFIGURATION', message)
}
