import { Hono } from 'hono'
import { deny } from 'sallyport'
import type { Env } from '../http/env.ts'
import { mayReadMetrics, type Metrics } from './metrics.ts'
import { isAdmin } from '../identity/people.ts'
import type { AuthenticateRequest } from '../identity/request-authenticator.ts'
import { peerOf } from '../http/request.ts'

/** Whether the server takes new work. */
export interface Readiness {
  draining: boolean
}

/** What operators ask a server: is it alive, does it take work, what has it done. */
export interface OperationParts {
  readonly metrics: Metrics
  readonly metricsToken: string | undefined
  readonly readiness: Readiness
  readonly authenticate: AuthenticateRequest
}

/** `/healthz` (alive), `/readyz` (503 while draining) and `/metrics` (this machine, a token, or an administrator). */
export function operations({ metrics, metricsToken, readiness, authenticate }: OperationParts): Hono<Env> {
  const app = new Hono<Env>()
  app.get('/healthz', (c) => c.text('alive\n'))
  app.get('/readyz', (c) => (readiness.draining ? c.text('draining\n', 503) : c.text('ready\n')))
  app.get('/metrics', async (c) => {
    const reader = { peer: peerOf(c), headers: c.req.raw.headers }
    // 404, as for any path that is not there: strangers need not know
    if (!mayReadMetrics(reader, metricsToken) && !(await isAdministrator(authenticate, reader.headers)))
      deny(404, 'no-such-path', 'There is nothing here.')
    return c.body(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType })
  })
  return app
}

async function isAdministrator(authenticate: AuthenticateRequest, headers: Headers): Promise<boolean> {
  // a token that is no credential of ours is the wrong METRICS_TOKEN, and answered like any stranger
  const found = await authenticate(headers).catch(() => null)
  return found !== null && isAdmin(found.person)
}
