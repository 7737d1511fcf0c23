import type { Authenticator } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import type { Identity } from '../core/api/identity.ts'
import type { Awaitable } from '../core/runtime/awaitable.ts'
import { type Duration, milliseconds } from '../wire/duration.ts'
import { SallyportError } from '../wire/errors.ts'
import { aSchema, check, type Schema } from '../wire/schema.ts'
import {
  aDuration,
  aFunction,
  anObject,
  aString,
  checkedOptions,
  aText,
  type OptionKind,
  type OptionKinds,
  needed,
  strings,
  oneOrMore,
} from '../wire/options.ts'
import { heldBy } from './bearer.ts'
import { type CheckedClaims, type Claims, listed } from './claims.ts'
import type { Found } from './found.ts'
import { hmacVerifier, type Secret } from './hmac.ts'
import { type CompactToken, mediaType } from './compact-token.ts'
import { InvalidToken } from './invalid-token.ts'
import { fixedKeys, remoteKeys } from './jwks.ts'
import { signatureVerifier, type Verify } from './signature.ts'
import { claimsOf, tokenAuthenticator, tokenFacts, type TokenRules } from './signed-token.ts'
import { keysOfSet, type PublicKey, verificationKey } from './verification-key.ts'

export type { Claims } from './claims.ts'
export type { Secret } from './hmac.ts'
export { issuerScoped } from './issuer-scoped.ts'
export type { PublicKey } from './verification-key.ts'

/** What {@link jwt} needs: exactly one of `secret`, `key` and `jwks`, and how a token becomes a user. */
export interface JwtOptions<U, C = Claims> {
  /**
   * The accepted issuers. Tokens of other issuers are left to the next authenticator. By default tokens of
   * any issuer are accepted.
   */
  readonly issuer?: string | readonly string[]
  /** The accepted audiences. Without it, a token that names an audience is refused. */
  readonly audience?: string | readonly string[]
  /** A secret shared with the issuer, for HS256, HS384 and HS512; several while one is being replaced. */
  readonly secret?: Secret | readonly Secret[]
  /** The issuer's public key. */
  readonly key?: PublicKey
  /** The issuer's key set, or its URL. */
  readonly jwks?: URL | { readonly keys: readonly object[] }
  /**
   * The algorithms that may be used, among those of the key. By default HS256 for a secret, and RS256 for an
   * RSA key that names none.
   */
  readonly algorithms?: readonly string[]
  /**
   * The `typ` that a header must have (RFC 8725 section 3.11), such as `'at+jwt'`. By default none, `JWT` or
   * `at+jwt`.
   */
  readonly typ?: string
  /** How far clocks may differ; 5 seconds. */
  readonly clockTolerance?: Duration
  /**
   * The shape of the claims beyond {@link Claims}, for tokens without `sub`, with a numeric one, or with
   * further claims.
   */
  readonly claims?: Schema<unknown, C>
  /**
   * The user of verified claims; `null` or `undefined` when there is none any more. Called again at each
   * renewal.
   */
  user(claims: C): Found<U>
  /** The name of the identity across kinds of users, such as `robot:7`; by default the `id` of the user. */
  readonly subject?: (claims: C) => string
  /**
   * The name of the session, if it is one of a store of yours: `({ sid }) => sid`. By default it is `sid`
   * within the issuer ({@link issuerScoped}), and `sid` unchanged if no `issuer` is configured.
   */
  readonly session?: (claims: C) => string | null | undefined
  readonly clock?: Clock
  /** How remote keys are fetched; by default the `fetch` of the platform. */
  readonly fetch?: typeof fetch
}

/** Secrets and keys come in many forms; the code that reads them says what is wrong with one. */
const keyMaterial: OptionKind = {
  wanted: 'a secret or a key, or several secrets',
  is: (value) => aText.is(value) || (typeof value === 'object' && value !== null),
}
const kinds: OptionKinds<JwtOptions<unknown, never>> = {
  issuer: oneOrMore('an issuer'),
  audience: oneOrMore('an audience'),
  secret: keyMaterial,
  key: keyMaterial,
  jwks: { wanted: "an object with a list of 'keys', or a URL", is: anObject.is },
  algorithms: strings,
  typ: aString,
  clockTolerance: aDuration,
  claims: aSchema,
  user: needed(aFunction),
  subject: aFunction,
  session: aFunction,
  clock: aClock,
  fetch: aFunction,
}

const usualTypes: readonly (string | null)[] = [null, 'application/jwt', 'application/at+jwt']
/**
 * Authenticates by signed tokens (RFC 7519) as bearer credentials. They are verified as RFC 8725 requires.
 * The configuration decides keys and algorithms, and the header of a token only chooses among them. The
 * payload is used only after its signature was verified.
 *
 * With `issuer`, session and token are named within the issuer: `issuerScoped(iss, jti)`. Without it the
 * tokens are the application's own, and `sid` and `jti` are the names.
 *
 * Returns `null` for a credential that does not have the form of a token or is of another issuer. A bad token
 * is 401 `invalid-token`, with the same text for every reason. The reason is the denial's `detail`. A token
 * of a key that `jwks` lacks is 503 with `Retry-After`, while the key set may not be fetched again.
 *
 * @throws SallyportError ERR_CONFIGURATION when keys, secret, algorithms or durations do not fit together
 * @example jwt({ issuer, audience: 'chat', jwks: new URL('/jwks', issuer), user: ({ sub }) => users.find(sub)
 * })
 */
export function jwt<U, C = Claims>(options: JwtOptions<U, C>): Authenticator<U> {
  options = checkedOptions('jwt()', options, kinds)
  const rules = rulesOf(options)
  return tokenAuthenticator(rules, (token) => identityOf(options, token, rules))
}

function identityOf<U, C>(
  options: JwtOptions<U, C>,
  token: CompactToken,
  rules: TokenRules,
): Awaitable<Identity<U> | InvalidToken | null> {
  const checked = claimsOf(token, rules)
  if (checked instanceof InvalidToken) return checked
  const claims = shaped(options, checked)
  if (claims instanceof InvalidToken) return claims
  const facts = tokenFacts(token, checked, rules)
  if (options.session !== undefined) facts.session = options.session(claims) ?? undefined
  return heldBy(options, claims, facts)
}

function rulesOf<U, C>(options: JwtOptions<U, C>): TokenRules {
  const { issuer, audience, typ, clock = systemClock, clockTolerance = '5s' } = options
  return {
    verify: verifierOf(options, clock),
    claims: {
      issuers: listed(issuer),
      audiences: listed(audience),
      toleranceMs: milliseconds(clockTolerance),
      anySubject: options.claims !== undefined,
    },
    types: typ === undefined ? usualTypes : [mediaType(typ)],
    clock,
  }
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

function shaped<U, C>(options: JwtOptions<U, C>, claims: CheckedClaims): C | InvalidToken {
  if (options.claims === undefined) {
    if (claims['sub'] === undefined)
      return new InvalidToken(
        "the claim sub is missing: give jwt() a schema as 'claims' for tokens without it",
      )
    // without a schema C is Claims, whose `sub` was just checked
    return claims as C
  }
  const checked = check(options.claims, claims)
  return checked.ok ? checked.value : new InvalidToken(`the claims do not fit their schema: ${checked.issue}`)
}

function wrong(message: string): SallyportError {
  return new SallyportError('ERR_CONFIGURATION', message)
}
