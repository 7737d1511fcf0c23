import type { Authenticator } from '../../core/api/handshake.ts'
import { type Duration, milliseconds } from '../../wire/duration.ts'
import {
  aDuration,
  aFunction,
  checkedOptions,
  type OptionKinds,
  needed,
  oneOrMore,
} from '../../wire/options.ts'
import { heldBy } from '../bearer.ts'
import { type CheckedClaims, listed } from '../claims.ts'
import type { Found } from '../found.ts'
import { InvalidToken } from '../invalid-token.ts'
import { signatureVerifier } from '../signature.ts'
import { claimsOf, tokenAuthenticator, tokenFacts, type TokenRules } from '../signed-token.ts'
import { aProvider, type Provider } from './provider.ts'

/** The claims of an access token (RFC 9068 section 2.2). */
export interface AccessClaims extends CheckedClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | readonly string[]
  /** The client that asked for it. It acts for `sub`, or for itself when both are the same. */
  readonly client_id: string
  readonly iat: number
  readonly jti: string
}

/** What {@link oidc} needs. */
export interface OidcOptions<U> {
  readonly provider: Provider
  /** The accepted audiences: the name of your API at the provider, never the id of a client. */
  readonly audience: string | readonly string[]
  /** The user of a token; `null` or `undefined` when there is none any more. Called again at each renewal. */
  user(claims: AccessClaims): Found<U>
  /** How far clocks may differ; 5 seconds. */
  readonly clockTolerance?: Duration
}

const kinds: OptionKinds<OidcOptions<unknown>> = {
  provider: needed(aProvider),
  audience: needed(oneOrMore('the name of your API at the provider')),
  user: needed(aFunction),
  clockTolerance: aDuration,
}

const types = ['application/at+jwt']
const required = ['iss', 'sub', 'aud', 'client_id', 'iat', 'jti'] as const

/**
 * Authenticates by signed access tokens of a provider (RFC 9068) as bearer credentials.
 *
 * The header must have `at+jwt`, so that no ID token or logout token is accepted; `iss`, `aud`, `exp`, `sub`,
 * `client_id`, `iat` and `jti` are required. `scope` becomes the identity's scopes; `sid` and `jti` within
 * the issuer (`issuerScoped`) name its session and token. A token that is bound to a key of its holder
 * (`cnf`) is refused, because the proof is not checked here.
 *
 * Returns `null` for a token of another issuer or form. A bad token is 401 `invalid-token`. While the
 * provider's keys cannot be fetched, the answer is 503. A token of an unknown key is 503 with `Retry-After`,
 * while the keys may not be fetched again.
 *
 * @throws TypeError when there is no `audience`
 * @example oidc({ provider: id, audience: 'https://chat.example', user: ({ sub }) => users.find(sub) })
 */
export function oidc<U>(options: OidcOptions<U>): Authenticator<U> {
  options = checkedOptions('oidc()', options, kinds)
  const { provider } = options
  const rules = rulesOf(options)
  const holders = {
    user: (claims: AccessClaims) => options.user(claims),
    subject: (claims: AccessClaims) => provider.subject(claims),
  }
  return tokenAuthenticator(rules, (token) => {
    const claims = accessClaims(claimsOf(token, rules))
    return claims instanceof InvalidToken ? claims : heldBy(holders, claims, tokenFacts(token, claims, rules))
  })
}

function rulesOf<U>({ provider, audience, clockTolerance = '5s' }: OidcOptions<U>): TokenRules {
  const audiences = listed(audience)
  return {
    verify: signatureVerifier(provider.keys),
    claims: { issuers: [provider.issuer], audiences, toleranceMs: milliseconds(clockTolerance) },
    types,
    clock: provider.clock,
  }
}

function accessClaims(claims: CheckedClaims | InvalidToken): AccessClaims | InvalidToken {
  if (claims instanceof InvalidToken) return claims
  const missing = required.find((name) => claims[name] === undefined)
  if (missing !== undefined) return new InvalidToken(`the claim ${missing} is missing`)
  const { client_id: client } = claims
  if (typeof client !== 'string' || client === '') return new InvalidToken('the claim client_id is no text')
  // all of them were checked, with their types
  return faultOfBinding(claims) ?? (claims as AccessClaims)
}

/**
 * Why a token is refused that requires a proof of a key (RFC 7800): to accept it without the proof would undo
 * that protection.
 */
export function faultOfBinding(claims: Readonly<Record<string, unknown>>): InvalidToken | null {
  if (claims['cnf'] === undefined) return null
  return new InvalidToken(
    'the token is bound to a key of its holder (cnf), and this server does not check the proof of that key',
  )
}
