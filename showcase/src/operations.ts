import { randomUUID } from 'node:crypto'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Logger } from 'pino'
import { deny } from 'sallyport'
import type { ClientAddress } from './client-address.ts'
import type { Env } from './env.ts'
import { mayReadMetrics, type Metrics } from './metrics.ts'
import { isOurHost } from './origins.ts'
import { isAdmin } from './people.ts'
import type { Who } from './who.ts'

/** Whether the server takes new work. */
export interface Readiness {
  draining: boolean
}

/** What operators ask a server: is it alive, does it take work, what has it done. */
export interface OperationParts {
  readonly metrics: Metrics
  readonly metricsToken: string | undefined
  readonly readiness: Readiness
  readonly who: Who
}

/** `/healthz` (alive), `/readyz` (503 while draining) and `/metrics` (this machine, a token, or an administrator). */
export function operations({ metrics, metricsToken, readiness, who }: OperationParts): Hono<Env> {
  const app = new Hono<Env>()
  app.get('/healthz', (c) => c.text('alive\n'))
  app.get('/readyz', (c) => (readiness.draining ? c.text('draining\n', 503) : c.text('ready\n')))
  app.get('/metrics', async (c) => {
    const asked = { peer: peerOf(c), headers: c.req.raw.headers }
    // 404, as for any path that is not there: strangers need not know
    if (!mayReadMetrics(asked, metricsToken) && !(await isAdministrator(who, asked.headers)))
      deny(404, 'no-such-path', 'There is nothing here.')
    return c.body(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType })
  })
  return app
}

async function isAdministrator(who: Who, headers: Headers): Promise<boolean> {
  // a token that is no credential of ours is the wrong METRICS_TOKEN, and answered like any stranger
  const found = await who(headers).catch(() => null)
  return found !== null && isAdmin(found.person)
}

/** Gives each request an id and the address of its client. */
export function arrival(client: ClientAddress): MiddlewareHandler<Env> {
  return async (c, next) => {
    c.set('ref', randomUUID())
    c.set('client', client(peerOf(c), c.req.header('x-forwarded-for') ?? null))
    await next()
  }
}

/**
 * One log line and one count for each request. The path is logged as its pattern, without what was filled in:
 * no query, header, cookie or body gets near the log.
 */
export function requestLog(log: Logger, { requests, seconds }: Metrics): MiddlewareHandler<Env> {
  return async (c, next) => {
    const began = performance.now()
    await next()
    const ms = performance.now() - began
    const [route, status, method] = [patternOf(c), c.res.status, knownMethod(c.req.method)]
    requests.inc({ method, route, status: String(status) })
    seconds.observe({ route }, ms / 1000)
    log[status >= 500 ? 'error' : 'info'](
      { ref: c.get('ref'), client: c.get('client'), method, route, status, ms: Math.round(ms) },
      'request',
    )
  }
}

/**
 * Answers only under names of our own, so that a web page cannot have its name point at this server and read
 * it (DNS rebinding).
 *
 * @throws Denial 421
 */
export function ourHostOnly(origins: readonly string[]): MiddlewareHandler<Env> {
  return async (c, next) => {
    if (!isOurHost(c.req.header('host'), origins))
      deny(421, 'unknown-host', 'This server does not answer under that name.')
    await next()
  }
}

/** The address at the other end of the wire. */
export function peerOf(c: Context<Env>): string {
  const address = c.env.incoming.socket.remoteAddress ?? ''
  return address.replace(/^::ffff:/, '')
}

function patternOf(c: Context<Env>): string {
  const pattern = routePath(c)
  return pattern === '/*' || pattern === '*' ? 'other' : pattern
}

/** Method names come from strangers, and each would be a time series of its own. */
function knownMethod(method: string): string {
  return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other'
}
