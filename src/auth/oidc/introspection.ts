import { authenticatorOf, orThrow } from '../../core/access/authenticator.ts'
import type { Authenticator, SecurityScheme } from '../../core/api/handshake.ts'
import { limitLookup } from '../../core/access/limit-lookup.ts'
import type { Identity } from '../../core/api/identity.ts'
import type { Awaitable } from '../../core/runtime/awaitable.ts'
import { type Duration, milliseconds } from '../../wire/duration.ts'
import { Denial, SallyportError } from '../../wire/errors.ts'
import {
  aBoolean,
  aDuration,
  aFunction,
  anObject,
  aString,
  checkedOptions,
  type OptionKinds,
  needed,
  oneOf,
  oneOrMore,
} from '../../wire/options.ts'
import {
  tokenEnd,
  factsOf,
  type Holders,
  heldBy,
  orRefused,
  refusedToken,
  type TokenFacts,
} from '../bearer.ts'
import { checkedStatement, type ClaimRules, listed, type Statement } from '../claims.ts'
import { looksLikeToken } from '../compact-token.ts'
import type { Found } from '../found.ts'
import { InvalidToken } from '../invalid-token.ts'
import { secureUrl } from '../secure-url.ts'
import { tokenOf } from '../signed-token.ts'
import { faultOfBinding } from './access-token.ts'
import { type CachedAnswer, AnswerCache } from './answers.ts'
import { type ClientCredentials, IntrospectionEndpoint } from './introspection-endpoint.ts'
import { aProvider, type Provider, type SubjectStatement } from './provider.ts'

export type { ClientCredentials } from './introspection-endpoint.ts'

/** What {@link introspection} needs. */
export interface IntrospectionOptions<U> {
  readonly provider: Provider
  /** The credentials of this server at the provider. The secret is in no error, event or log. */
  readonly client: ClientCredentials
  /** The accepted audiences. Without it, a token that names an audience is refused. */
  readonly audience?: string | readonly string[]
  /** The user of a token; `null` or `undefined` when there is none any more. Called again at each renewal. */
  user(statement: SubjectStatement): Found<U>
  /** The endpoint, if the provider's document does not name it. */
  readonly endpoint?: URL
  /**
   * Which bearer credentials the provider is asked about: those that do not have the form of a signed token;
   * or, with `'all'`, its signed ones too, so that a revocation there is noticed before they expire.
   */
  readonly takes?: 'opaque' | 'all'
  /**
   * Whether an answer may lack `token_type`; off by default. Several providers answer so about refresh
   * tokens, which would then open sockets.
   */
  readonly untyped?: boolean
  /**
   * For how long an answer is used at further handshakes; 30 seconds, 5 minutes at most, `0` to ask each
   * time.
   */
  readonly keep?: Duration
  /** How far clocks may differ; 5 seconds. */
  readonly clockTolerance?: Duration
}

const optionKinds: OptionKinds<IntrospectionOptions<unknown>> = {
  provider: needed(aProvider),
  client: needed(anObject),
  audience: oneOrMore('an audience'),
  user: needed(aFunction),
  endpoint: { wanted: 'a URL', is: (value) => value instanceof URL },
  takes: oneOf('opaque', 'all'),
  untyped: aBoolean,
  keep: aDuration,
  clockTolerance: aDuration,
}
const clientKinds: OptionKinds<ClientCredentials> = {
  id: needed(aString),
  secret: needed(aString),
  method: oneOf('basic', 'post'),
}

const maxKeepMs = 300_000
const maxLength = 16_384

/**
 * Authenticates by opaque access tokens: the provider is asked about each token (RFC 7662).
 *
 * Answers are kept in memory for 30 seconds under the hash of the token, never beyond its end. The answer
 * that a token is not active is kept for 10 seconds. A renewal (a lease, a `recheck`) asks the provider
 * again, so that a token that was revoked there closes its sockets.
 *
 * `jti` within the issuer (without `jti` a hash) becomes the identity's token, `sid` within the issuer its
 * session, `scope` its scopes. A token that `server.revoke` has ended is refused, whatever answer is kept. An
 * answer without `iat` counts as older than every revocation of its user.
 *
 * Returns `null` for a credential that has the form of a signed token. A token is 401 `invalid-token` when it
 * is not active, of another issuer, for another audience, no access token, or bound to a key. While the
 * provider does not answer, the answer is 503. Every other credential is sent to the provider: put
 * authenticators of keys with a prefix before this one.
 *
 * @throws SallyportError ERR_CONFIGURATION when `keep` is above 5 minutes, or `endpoint` neither https nor http to this
 * machine; TypeError when the client has no id or secret
 * @example introspection({ provider: id, client: { id: 'chat', secret }, user: ({ sub }) => users.find(sub) })
 */
export function introspection<U>(options: IntrospectionOptions<U>): Authenticator<U> {
  options = checkedOptions('introspection()', options, optionKinds)
  options = {
    ...options,
    client: checkedOptions("the 'client' of introspection()", options.client, clientKinds),
  }
  const answers = answersOf(options)
  const reading = readingOf(options)
  const read = async (token: string, answered: Promise<CachedAnswer>): Promise<Identity<U> | Denial> => {
    const answer = await answered
    if (answer === null) return refusedToken('the provider says that the token is not active', false)
    const holder = orRefused(await holderOf(token, answer, reading))
    if (holder instanceof Denial) return holder
    return { ...holder, renew: async () => orThrow(await read(token, answers.fresh(token))) }
  }
  return authenticatorOf(
    (request) => {
      const token = request.credentials.of('bearer')
      if (token === null || !isTaken(token, options)) return null
      return read(
        token,
        answers.known(token, () => limitLookup(request)),
      )
    },
    { schemes: [scheme], limitsLookups: true },
  )
}

const scheme: SecurityScheme = {
  type: 'http',
  scheme: 'bearer',
  description: 'An access token in the Authorization header, or in the subprotocol list of browsers.',
}

function answersOf<U>({ provider, client, endpoint, keep = '30s' }: IntrospectionOptions<U>): AnswerCache {
  const keepMs = milliseconds(keep)
  if (keepMs > maxKeepMs)
    throw new SallyportError('ERR_CONFIGURATION', "'keep' is 5 minutes at most: a revocation must be noticed")
  const url = endpoint === undefined ? null : secureUrl('endpoint', endpoint)
  const introspected = new IntrospectionEndpoint(provider, client, url)
  return new AnswerCache({ clock: provider.clock, keepMs, ask: (token) => introspected.ask(token) })
}

function isTaken<U>(token: string, { provider, takes = 'opaque' }: IntrospectionOptions<U>): boolean {
  if (token.length > maxLength) return false
  return !looksLikeToken(token) || (takes === 'all' && tokenOf([provider.issuer], token) !== null)
}

/** How an answer is read. */
interface IntrospectionResult<U> {
  readonly provider: Provider
  readonly holders: Holders<U, SubjectStatement>
  readonly rules: Omit<ClaimRules, 'issuers'>
  readonly untyped: boolean
}

function readingOf<U>(options: IntrospectionOptions<U>): IntrospectionResult<U> {
  const { provider, audience, untyped = false, clockTolerance = '5s' } = options
  return {
    provider,
    holders: {
      user: (statement) => options.user(statement),
      subject: (statement) => provider.subject(statement),
    },
    rules: { audiences: listed(audience), toleranceMs: milliseconds(clockTolerance) },
    untyped,
  }
}

function holderOf<U>(
  token: string,
  answer: Statement,
  reading: IntrospectionResult<U>,
): Awaitable<Identity<U> | InvalidToken | null> {
  const statement = statementIn(answer, reading)
  if (statement instanceof InvalidToken) return statement
  return heldBy(reading.holders, statement, factsIn(token, statement, reading))
}

/** The statement in an answer, or why it is refused: it has no subject, or is not about such a token. */
function statementIn<U>(
  answer: Statement,
  { provider, rules, untyped }: IntrospectionResult<U>,
): SubjectStatement | InvalidToken {
  const { issuer, clock } = provider
  // an answer need not name its issuer, but must not name another
  const issuers = answer.iss === undefined ? null : [issuer]
  const statement = checkedStatement(answer, { ...rules, issuers }, clock.now())
  if (statement instanceof InvalidToken) return statement
  const fault = faultOfKind(statement, untyped) ?? faultOfBinding(statement)
  if (fault !== null) return fault
  const { sub } = statement
  if (sub === undefined) return new InvalidToken('the answer does not name the user of the token')
  return { ...statement, iss: issuer, sub }
}

/**
 * Why a token of another kind is refused. At least one field must say that it is an access token, and no
 * field may say otherwise.
 */
function faultOfKind(statement: Readonly<Record<string, unknown>>, untyped: boolean): InvalidToken | null {
  const stated = Object.entries(accessKinds).filter(([name]) => statement[name] !== undefined)
  if (stated.length === 0 && !untyped)
    return new InvalidToken(
      "the answer does not say of which kind the token is: it may be a refresh token (see 'untyped')",
    )
  const isAccess = stated.every(([name, kinds]) => kinds.includes(String(statement[name]).toLowerCase()))
  return isAccess ? null : new InvalidToken('the token is no bearer access token')
}

/** The values of each field that mean an access token: in the standard, in Hydra and in Keycloak. */
const accessKinds: Readonly<Record<string, readonly string[]>> = {
  token_type: ['bearer'],
  token_use: ['access_token', 'access'],
  typ: ['bearer', 'at+jwt'],
}

function factsIn<U>(
  token: string,
  statement: Statement,
  { provider, rules }: IntrospectionResult<U>,
): TokenFacts {
  const { jti, exp, ...others } = statement
  // some providers name an opaque token after itself
  const facts = factsOf(jti === token ? others : statement, provider.issuer, token)
  if (exp !== undefined) facts.end = tokenEnd(exp, rules.toleranceMs, provider.clock.now())
  return facts
}
