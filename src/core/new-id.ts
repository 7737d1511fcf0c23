import { toBase64url } from '../wire/to-base64url.ts'

/**
 * A new name that nobody can guess: 128 random bits as 22 characters of base64url. A UUID of the runtime is joined from 20
 * pieces, which stay in memory as long as it does.
 */
export function newId(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(16)))
}
