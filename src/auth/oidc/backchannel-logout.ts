import { randomUUID } from 'node:crypto'
import type { Store } from '../../core/api/layer.ts'
import type { Messenger } from '../../core/api/messenger.ts'
import { type Duration, milliseconds } from '../../wire/duration.ts'
import {
  aDuration,
  aFunction,
  checkedOptions,
  having,
  type OptionKinds,
  needed,
  oneOf,
  oneOrMore,
} from '../../wire/options.ts'
import { boundedBytes } from '../bounded-fetch.ts'
import { listed } from '../claims.ts'
import { sha256Hex } from '../fingerprint.ts'
import { InvalidToken } from '../invalid-token.ts'
import { issuerScoped } from '../issuer-scoped.ts'
import { signatureVerifier } from '../signature.ts'
import type { TokenRules } from '../signed-token.ts'
import { type Logout, logoutTypes, readLogoutToken } from './logout-token.ts'
import { aProvider, type Provider } from './provider.ts'

/** The result of a logout request: for logs and audit, without the token. */
export type LogoutEvent =
  | {
      readonly type: 'logout'
      /**
       * Session and subject, with the names that identities of this provider have: within the issuer, unless
       * the provider has a `subject` of its own.
       */
      readonly session: string | null
      readonly subject: string | null
      /** How many sockets it has closed. */
      readonly closed: number
    }
  | { readonly type: 'refused'; readonly detail: string }
  | { readonly type: 'failed'; readonly error: unknown }

/** What {@link backchannelLogout} needs. */
export interface BackchannelLogoutOptions {
  readonly provider: Provider
  /** The id of the client in the provider's logout tokens: that of your site; several when it has several. */
  readonly client: string | readonly string[]
  /** The server whose sockets end. */
  readonly server: Pick<Messenger, 'revoke'>
  /** Where used tokens are remembered: the server's `store`, so that no node accepts one again. */
  readonly store: Pick<Store, 'claim'>
  /**
   * What a logout ends when it names session and user. `'user'`, the default, ends all sockets of the user.
   * `'session'` ends the session alone. It is right when every access token has a `sid`: a token without
   * `sid` would outlive its logout.
   */
  readonly ends?: 'user' | 'session'
  /** How far clocks may differ; 5 seconds. */
  readonly clockTolerance?: Duration
  /**
   * Called with the result of each request: a failed logout must be noticed. The handler rejects with an
   * error that this throws.
   */
  on(event: LogoutEvent): void
}

const kinds: OptionKinds<BackchannelLogoutOptions> = {
  provider: needed(aProvider),
  client: needed(oneOrMore("the id of your site's client at the provider")),
  server: needed(having('revoke')),
  store: needed(having('claim')),
  ends: oneOf('user', 'session'),
  clockTolerance: aDuration,
  on: needed(aFunction),
}

const maxBytes = 32_768
const bodyMs = 5_000
const noStore = { 'Cache-Control': 'no-store' }
const refusal = { error: 'invalid_request', error_description: 'the logout token was not accepted' }

/**
 * Answers a provider that logs a user out (OpenID Connect Back-Channel Logout 1.0): a handler from `Request` to
 * `Response`. Serve it under the client's `backchannel_logout_uri`; it needs no session and no CSRF
 * token, because its credential is the logout token.
 *
 * A token is accepted once, within two minutes of its making. It needs the provider's signature, `logout+jwt`
 * as its type, and no nonce. `server.revoke` then ends the session (4401), and the other sockets of the user
 * (4403) unless `ends` is `'session'`. Both are named within the provider's issuer, so that a provider cannot
 * end sessions of another provider.
 *
 * The answer is 200. It is 400 when the token is not accepted, or the logout has failed; a token whose logout
 * has failed stays valid for another attempt. Other methods than POST are 405.
 *
 * @throws TypeError when there is no client
 * @example
 * const logout = backchannelLogout({ provider: id, client: 'site', server, store: server.store, on: log })
 * app.post('/backchannel-logout', (c) => logout(c.req.raw))
 */
export function backchannelLogout(
  options: BackchannelLogoutOptions,
): (request: Request) => Promise<Response> {
  options = checkedOptions('backchannelLogout()', options, kinds)
  const rules = rulesOf(options)
  return async (request) => {
    if (request.method !== 'POST')
      return new Response(null, { status: 405, headers: { ...noStore, Allow: 'POST' } })
    const event = await outcome(options, request, rules)
    options.on(event)
    return event.type === 'logout'
      ? new Response(null, { status: 200, headers: noStore })
      : Response.json(refusal, { status: 400, headers: noStore })
  }
}

async function outcome(
  options: BackchannelLogoutOptions,
  request: Request,
  rules: TokenRules,
): Promise<LogoutEvent> {
  try {
    const token = await tokenIn(request, rules)
    const logout = token instanceof InvalidToken ? token : await readLogoutToken(token, rules)
    const event = logout instanceof InvalidToken ? logout : await once(options, logout)
    return event instanceof InvalidToken ? { type: 'refused', detail: event.why } : event
  } catch (error) {
    return { type: 'failed', error }
  }
}

function rulesOf({ provider, client, clockTolerance = '5s' }: BackchannelLogoutOptions): TokenRules {
  const audiences = listed(client)
  return {
    verify: signatureVerifier(provider.keys),
    claims: { issuers: [provider.issuer], audiences, toleranceMs: milliseconds(clockTolerance) },
    types: logoutTypes,
    clock: provider.clock,
  }
}

/** The token of a form (section 2.5), or why the form is refused: it does not have exactly one. */
async function tokenIn({ headers, body }: Request, { clock }: TokenRules): Promise<string | InvalidToken> {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') return new InvalidToken('the request is no form')
  const late = Promise.withResolvers<null>()
  const timer = clock.after(bodyMs, () => late.resolve(null))
  try {
    const bytes = await Promise.race([boundedBytes(body, maxBytes), late.promise])
    const tokens = new URLSearchParams(bytes?.toString('utf8')).getAll('logout_token')
    const [token] = tokens
    if (token === undefined)
      return new InvalidToken('the form has no logout_token, is too large or came too slowly')
    return tokens.length === 1 ? token : new InvalidToken('the form has more than one logout_token')
  } finally {
    timer.cancel()
  }
}

/**
 * Carries a logout out, unless its token was used before: a replayed token would end sessions that its user
 * has begun since. A logout that has failed may be sent again.
 *
 * @throws the error of the layer
 */
async function once(options: BackchannelLogoutOptions, logout: Logout): Promise<LogoutEvent | InvalidToken> {
  const { store } = options
  const { claims, leftMs } = logout
  const key = `oidc/logout/${sha256Hex(JSON.stringify([claims.iss, claims.jti]))}`
  const owner = randomUUID()
  if ((await store.claim(key, owner, Math.ceil(leftMs) + 1_000)) === null)
    return new InvalidToken('it was used before')
  try {
    return await end(options, logout)
  } catch (error) {
    // the owner gives the claim up at once
    await store.claim(key, owner, 1)
    throw error
  }
}

async function end(options: BackchannelLogoutOptions, logout: Logout): Promise<LogoutEvent> {
  const { server, ends = 'user' } = options
  const session = logout.sid === null ? null : issuerScoped(logout.claims.iss, logout.sid)
  const subject = session !== null && ends === 'session' ? null : await subjectOf(options, logout)
  const reason = 'you have signed out'
  const receipts = [
    // the session first: the client is told to come back with another credential
    ...(session === null ? [] : [await server.revoke({ session, reason })]),
    ...(subject === null ? [] : [await server.revoke({ user: subject, reason })]),
  ]
  return { type: 'logout', session, subject, closed: receipts.reduce((sum, { closed }) => sum + closed, 0) }
}

/**
 * The subject of a logout, as identities are named; `null` when it names none, or none that is known here.
 */
async function subjectOf(
  { provider }: BackchannelLogoutOptions,
  { claims, sub }: Logout,
): Promise<string | null> {
  return sub === null ? null : ((await provider.subject({ ...claims, sub })) ?? null)
}
