import type { Context, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Logger } from 'pino'
import type { Env } from '../http/env.ts'
import type { Metrics } from './metrics.ts'

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

function patternOf(c: Context<Env>): string {
  const pattern = routePath(c)
  return pattern === '/*' || pattern === '*' ? 'other' : pattern
}

/** Method names come from strangers, and each would be a time series of its own. */
function knownMethod(method: string): string {
  return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other'
}
