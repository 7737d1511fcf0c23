import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { deny } from 'sallyport'
import type { Access } from './access.ts'
import { networkPrefix } from '../http/client-address.ts'
import { endReasons } from './end-reasons.ts'
import type { Env } from '../http/env.ts'
import { clientHeader, type Identity, identityPaths } from './identity.ts'
import { type AdminActionLogParts, logAdminAction } from './admin-action-log.ts'
import { type Budget, type SignInLimiter, slowDown, type SignInAttempt } from '../http/limiter.ts'
import type { Metrics } from '../operations/metrics.ts'
import { assertAllowedOrigin } from '../http/origins.ts'
import { assertJson } from '../http/problem.ts'

/** What the mounted identity server is guarded with. */
export interface IdentityRouteParts extends AdminActionLogParts {
  readonly identity: Identity
  readonly limiter: SignInLimiter
  readonly signUps: Budget
  /** How often one person may try to change a password: a stranger at an open page could guess it there. */
  readonly passwordChanges: Budget
  readonly access: Access
  readonly origins: readonly string[]
  readonly metrics: Metrics
}

/**
 * better-auth below /api/auth, with what it leaves open closed: only listed paths, JSON bodies alone, our
 * origins alone, a client address that cannot be forged, and a limiter that knows accounts.
 */
export function identityRoutes(parts: IdentityRouteParts): Hono<Env> {
  const app = new Hono<Env>()
  app.all('/*', async (c) => {
    const path = new URL(c.req.url).pathname.replace(/^\/api\/auth/, '')
    if (!identityPaths.has(`${c.req.method} ${path}`)) deny(404, 'no-such-path', 'There is nothing here.')
    if (c.req.method === 'GET') return responseForPage(c, await parts.identity.handler(requestForIdentity(c)))
    assertAllowedOrigin(c.req.raw.headers, parts.origins)
    const body = await c.req.text()
    if (body !== '') assertJson(c.req.raw.headers)
    return responseForPage(c, await handleWrite(parts, c, { path, body }))
  })
  return app
}

/**
 * The request as better-auth may see it: with the client's address in our own header, which replaces one that the
 * client sent.
 */
function requestForIdentity(c: Context<Env>, body?: string): Request {
  const headers = new Headers(c.req.raw.headers)
  headers.set(clientHeader, c.get('client'))
  headers.delete('content-length')
  return new Request(c.req.url, {
    method: c.req.method,
    headers,
    ...(body === undefined || body === '' ? {} : { body }),
  })
}

/**
 * The answer without the signed session token in a header, which is for programs: a page's scripts must not
 * be able to read what its HttpOnly cookie hides.
 */
function responseForPage(c: Context<Env>, response: Response): Response {
  const asked = c.req.raw.headers
  if (!['origin', 'cookie', 'sec-fetch-site'].some((name) => asked.has(name))) return response
  const headers = new Headers(response.headers)
  headers.delete('set-auth-token')
  return new Response(response.body, { status: response.status, headers })
}

interface Write {
  readonly path: string
  readonly body: string
}

async function handleWrite(parts: IdentityRouteParts, c: Context<Env>, write: Write): Promise<Response> {
  if (write.path.startsWith('/sign-in/')) return await signIn(parts, c, write)
  if (write.path.startsWith('/sign-up/')) parts.signUps.spend(networkPrefix(c.get('client')))
  if (write.path === '/change-password') {
    const found = await parts.authenticate(c.req.raw.headers)
    if (found !== null) parts.passwordChanges.spend(found.person.id)
  }
  const work = (): Promise<Response> =>
    parts.access.withReason(endReasons[write.path], () =>
      parts.identity.handler(requestForIdentity(c, write.body)),
    )
  return await logAdminAction(parts, c, { path: write.path, body: parsed(write.body), work })
}

async function signIn(
  { identity, limiter, metrics }: IdentityRouteParts,
  c: Context<Env>,
  { path, body }: Write,
): Promise<Response> {
  const attempt = limiter.attempt(accountOf(path, body), networkPrefix(c.get('client')))
  if (!attempt.allowed) {
    metrics.signIns.inc({ outcome: 'slowed' })
    return slowDown(attempt.retryAfterMs)
  }
  const response = await identity.handler(requestForIdentity(c, body))
  settle(attempt, response)
  metrics.signIns.inc({ outcome: response.ok ? 'succeeded' : 'failed' })
  return response
}

function settle(attempt: Extract<SignInAttempt, { allowed: true }>, response: Response): void {
  if (response.ok) attempt.succeeded()
  else if (response.status >= 500) attempt.abandoned()
}

/**
 * The account that better-auth will look for: the field that belongs to the path, whatever else is in the
 * body.
 */
function accountOf(path: string, body: string): string {
  const field = path === '/sign-in/email' ? 'email' : 'username'
  const checked = z.record(z.string(), z.unknown()).safeParse(parsed(body))
  const name = checked.success ? checked.data[field] : undefined
  return typeof name === 'string' ? name : ''
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
