import { InvalidToken } from './invalid-token.ts'

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
 * The claims of a token whose signature was verified, or why they are refused: the payload is no JSON object,
 * has no `exp`, is outside its time, or is of another issuer or for another audience. A token with an
 * audience is refused too when none is configured (RFC 7519 section 4.1.3).
 *
 * @param payload the JSON object in its payload, if there is one
 */
export function checkedClaims(
  payload: Record<string, unknown> | null,
  rules: ClaimRules,
  nowMs: number,
): CheckedClaims | InvalidToken {
  if (payload === null) return new InvalidToken('the payload is no JSON object')
  const claims = checkedStatement(payload, rules, nowMs)
  if (claims instanceof InvalidToken || hasEnd(claims)) return claims
  return new InvalidToken('the claim exp is missing')
}

function hasEnd(claims: Statement): claims is CheckedClaims {
  return claims.exp !== undefined
}

/**
 * An issuer's statement about a token, in its payload or in a response: claims, of which `exp` may be
 * missing. Or why it is refused, as {@link checkedClaims} does.
 *
 * @param claims parsed JSON, in which equal texts are replaced
 */
export function checkedStatement(
  claims: Record<string, unknown>,
  rules: ClaimRules,
  nowMs: number,
): Statement | InvalidToken {
  const fault =
    faultOfTimes(claims, rules.toleranceMs, nowMs) ??
    faultOfIssuer(claims['iss'], rules.issuers) ??
    faultOfAudience(claims['aud'], rules.audiences) ??
    faultOfText(claims, 'jti') ??
    faultOfText(claims, 'sid') ??
    (rules.anySubject === true ? faultOfAnySubject(claims['sub']) : faultOfText(claims, 'sub'))
  if (fault !== null) return new InvalidToken(fault)
  shareTexts(claims, rules)
  // each field that a statement names has been checked, or is checked by the given schema
  return claims
}

/**
 * Replaces issuer and audience by the equal texts of the configuration: the claims of a token live as long as its socket, and
 * all of them name the same ones.
 */
function shareTexts(claims: Record<string, unknown>, { issuers, audiences }: ClaimRules): void {
  const issuer = issuers?.find((one) => one === claims['iss'])
  if (issuer !== undefined) claims['iss'] = issuer
  const audience = audiences?.find((one) => one === claims['aud'])
  if (audience !== undefined) claims['aud'] = audience
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

function faultOfTimes(
  claims: Readonly<Record<string, unknown>>,
  toleranceMs: number,
  nowMs: number,
): string | null {
  const exp = seconds(claims, 'exp', Number.POSITIVE_INFINITY)
  if (exp === null) return 'the claim exp is no number of seconds'
  if (exp * 1000 <= nowMs - toleranceMs) return 'the token has expired'
  const nbf = seconds(claims, 'nbf', 0)
  if (nbf === null) return 'the claim nbf is no number of seconds'
  if (nbf * 1000 > nowMs + toleranceMs) return 'the token is not valid yet'
  const iat = seconds(claims, 'iat', 0)
  if (iat === null) return 'the claim iat is no number of seconds'
  // a token from the future would outlive a revocation, which refuses what was issued before it
  return iat * 1000 > nowMs + toleranceMs ? 'the token was issued in the future' : null
}

/**
 * The seconds that a claim holds, or `null` when it holds something else. @param missing the value when the
 * claim is missing
 */
function seconds(claims: Readonly<Record<string, unknown>>, name: string, missing: number): number | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  if (value === undefined) return missing
  return typeof value === 'number' && value >= 0 && value <= maxSeconds ? value : null
}

function faultOfIssuer(iss: unknown, issuers: readonly string[] | null): string | null {
  if (iss !== undefined && typeof iss !== 'string') return 'the claim iss is no text'
  if (issuers === null || (iss !== undefined && issuers.includes(iss))) return null
  return 'the token is from another issuer'
}

function faultOfAudience(aud: unknown, audiences: readonly string[] | null): string | null {
  if (aud === undefined) return audiences === null ? null : 'the claim aud is missing'
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (!named.every((one) => typeof one === 'string'))
    return 'the claim aud is neither a text nor a list of texts'
  if (audiences === null) return "the token is meant for an audience, but no 'audience' was configured"
  return audiences.some((one) => named.includes(one)) ? null : 'the token is for another audience'
}

function faultOfText(claims: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = claims[name]
  return value === undefined || (typeof value === 'string' && value !== '')
    ? null
    : `the claim ${name} is no text`
}

/** JSON.parse has rounded such a number: it may be the number of another user. */
function faultOfAnySubject(sub: unknown): string | null {
  return typeof sub === 'number' && !Number.isSafeInteger(sub)
    ? 'the claim sub is a number that is not exact'
    : null
}
