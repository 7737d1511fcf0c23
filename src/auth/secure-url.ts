import { SallyportError } from '../wire/errors.ts'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * Whether what is fetched from a URL can be trusted: https, or http to this machine, and without a password.
 */
export function isSecureUrl({ protocol, hostname, username, password }: URL): boolean {
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname))
}

/**
 * Checks a configured URL.
 *
 * @param name the option of the URL
 * @throws SallyportError ERR_CONFIGURATION when it is neither https nor http to this machine
 */
export function secureUrl(name: string, url: URL): URL {
  if (isSecureUrl(url)) return url
  throw new SallyportError(
    'ERR_CONFIGURATION',
    `'${name}' must be an https URL without a password, or http to this machine: ${url.protocol}//${url.host}`,
  )
}
