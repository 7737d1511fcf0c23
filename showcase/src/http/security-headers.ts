import type { MiddlewareHandler } from 'hono'

const always: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // same-origin, not no-referrer: with that a browser would send "Origin: null" with our own forms (Fetch,
  // 4.1)
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
}
/** For answers that are no page: nothing may run if a browser shows them after all. */
const inert = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/**
 * Security headers on every answer; a page brings its own Content-Security-Policy, everything else gets an
 * inert one.
 */
export function securityHeaders(secure: boolean): MiddlewareHandler {
  return async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(always)) c.res.headers.set(name, value)
    if (secure) c.res.headers.set('strict-transport-security', 'max-age=31536000')
    if (!c.res.headers.has('content-security-policy')) c.res.headers.set('content-security-policy', inert)
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
  }
}
