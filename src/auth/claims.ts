import { jsonObject } from './compact-token.ts'
import { invalid } from './invalid-token.ts'

/**
 * The fields of an issuer's statement about a token that are checked here (RFC 7519 section 4.1, RFC 7662
 * section 2.2). A statement may hold any other fields too.
 */
export interface Statement {
  /** When the token ends, in seconds since 1970. */
  readonly exp?: number
  readonly sub?: string
  readonly iss?: string
  readonly aud?: string | readonly string[]
  readonly nbf?: number
  readonly iat?: number
  readonly jti?: string
  /** The session that it belongs to. */
  readonly sid?: string
  readonly [claim: string]: unknown
}

/** The claims of a token, which always ends. */
export interface CheckedClaims extends Statement {
  readonly exp: number
}

/** The claims of a verified token that names its subject. */
export interface Claims extends CheckedClaims {
  readonly sub: string
}

/** What the claims of a token must satisfy. */
export interface ClaimRules {
  readonly issuers: readonly string[] | null
  readonly audiences: readonly string[] | null
  /** How far clocks may differ. */
  readonly toleranceMs: number
  /** Whether `sub` may be of any type, because a schema of the application checks it; off by default. */
  readonly anySubject?: boolean
}

/** A `Date` holds no later second. */
const maxSeconds = 8.64e12

/**
 * The claims of a payload whose signature was verified.
 *
 * @throws InvalidToken when it is no JSON object, has no `exp`, is outside its time, or is of another issuer
 * or for another audience; a token with an audience is refused too when none is configured (RFC 7519 section
 * 4.1.3)
 */
export function checkedClaims(payload: Uint8Array, rules: ClaimRules, nowMs: number): CheckedClaims {
  const claims = jsonObject(payload) ?? invalid('the payload is no JSON object')
  const { exp } = checkedStatement(claims, rules, nowMs)
  return exp === undefined ? invalid('the claim exp is missing') : { ...claims, exp }
}

/**
 * An issuer's statement about a token, in its payload or in a response: claims, of which `exp` may be
 * missing.
 *
 * @throws InvalidToken as {@link checkedClaims} does
 */
export function checkedStatement(
  claims: Readonly<Record<string, unknown>>,
  rules: ClaimRules,
  nowMs: number,
): Statement {
  checkTimes(claims, rules.toleranceMs, nowMs)
  checkIssuer(claims['iss'], rules.issuers)
  checkAudience(claims['aud'], rules.audiences)
  for (const name of ['jti', 'sid']) checkText(claims, name)
  if (rules.anySubject !== true) checkText(claims, 'sub')
  else if (typeof claims['sub'] === 'number' && !Number.isSafeInteger(claims['sub']))
    // JSON.parse has rounded it: it may be the number of another user
    invalid('the claim sub is a number that is not exact')
  // each field that a statement names has been checked, or is checked by the given schema
  return claims
}

/** A list of one text, of several, or of none. */
export function listed(value: string | readonly string[] | undefined): readonly string[] | null {
  if (value === undefined) return null
  return typeof value === 'string' ? [value] : value
}

/**
 * The scopes of a token: `scope` as one text (RFC 8693 section 4.2) or a list; or `scp` or `scopes`, as
 * some issuers and FastAPI's tutorial call it.
 */
export function scopesOf(claims: Readonly<Record<string, unknown>>): readonly string[] | null {
  const stated = claims['scope'] ?? claims['scp'] ?? claims['scopes']
  if (typeof stated === 'string') return stated.split(' ').filter((one) => one !== '')
  return Array.isArray(stated) ? stated.filter((one) => typeof one === 'string') : null
}

function checkTimes(claims: Readonly<Record<string, unknown>>, toleranceMs: number, nowMs: number): void {
  const exp = seconds(claims, 'exp', Number.POSITIVE_INFINITY)
  if (exp * 1000 <= nowMs - toleranceMs) invalid('the token has expired')
  if (seconds(claims, 'nbf', 0) * 1000 > nowMs + toleranceMs) invalid('the token is not valid yet')
  // a token from the future would outlive a revocation, which refuses what was issued before it
  if (seconds(claims, 'iat', 0) * 1000 > nowMs + toleranceMs) invalid('the token was issued in the future')
}

/** @param missing the value when the claim is missing */
function seconds(claims: Readonly<Record<string, unknown>>, name: string, missing: number): number {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  if (value === undefined) return missing
  if (typeof value === 'number' && value >= 0 && value <= maxSeconds) return value
  return invalid(`the claim ${name} is no number of seconds`)
}

function checkIssuer(iss: unknown, issuers: readonly string[] | null): void {
  if (iss !== undefined && typeof iss !== 'string') invalid('the claim iss is no text')
  if (issuers !== null && (iss === undefined || !issuers.includes(iss)))
    invalid('the token is from another issuer')
}

function checkAudience(aud: unknown, audiences: readonly string[] | null): void {
  if (aud === undefined && audiences === null) return
  if (aud === undefined) return invalid('the claim aud is missing')
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!named.every((one) => typeof one === 'string'))
    return invalid('the claim aud is neither a text nor a list of texts')
  if (audiences === null)
    return invalid("the token is meant for an audience, but no 'audience' was configured")
  if (!audiences.some((one) => named.includes(one))) invalid('the token is for another audience')
}

function checkText(claims: Readonly<Record<string, unknown>>, name: string): void {
  const value = claims[name]
  if (value !== undefined && (typeof value !== 'string' || value === ''))
    invalid(`the claim ${name} is no text`)
}
