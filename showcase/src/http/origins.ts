import { deny } from 'sallyport'
import { type Config, isLoopback } from '../config.ts'

/**
 * The origins whose pages may act for a signed-in user: the one of BASE_URL; in development the other names
 * of this machine too.
 */
export function allowedOrigins(config: Config, baseUrl: URL): readonly string[] {
  if (config.production || !isLoopback(baseUrl.hostname)) return [baseUrl.origin]
  const port = baseUrl.port === '' ? '' : `:${baseUrl.port}`
  const names = ['localhost', '127.0.0.1', '[::1]'].map((name) => `${baseUrl.protocol}//${name}${port}`)
  return [...new Set([baseUrl.origin, ...names])]
}

/** Whether a `Host` header names this server. */
export function isOurHost(host: string | undefined, origins: readonly string[]): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false
  // two schemes, so that the default port of either is left out on both sides
  return origins.some(
    (origin) => new URL(`${new URL(origin).protocol}//${host}`).host === new URL(origin).host,
  )
}

/**
 * Refuses writes that another site's page could have caused: an `Origin` that is not ours, or a session
 * cookie without one; no origin at all where one is demanded.
 *
 * @throws Denial 403
 */
export function assertAllowedOrigin(
  headers: Headers,
  origins: readonly string[],
  { demanded = false }: { readonly demanded?: boolean } = {},
): void {
  const origin = headers.get('origin')
  if (origin !== null && !origins.includes(origin))
    deny(403, 'foreign-origin', 'Requests from this origin are not accepted.')
  if (origin === null && demanded)
    deny(403, 'origin-missing', 'Send the Origin of the page that asks: what you get is bound to it.')
  if (origin === null && isAmbient(headers))
    deny(403, 'origin-missing', 'Send an Origin header, or a bearer token in place of a cookie.')
}

function isAmbient(headers: Headers): boolean {
  const cookie = headers.get('cookie') ?? ''
  return /(?:^|; *)(?:__Secure-)?sallyport\.session_token=/.test(cookie) && !headers.has('authorization')
}
