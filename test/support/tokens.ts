import { createHmac } from 'node:crypto'

/** A secret of 64 bytes, long enough for every HMAC algorithm. */
export const secret: string = 'a secret of a test, which is long enough for the longest of all hashes'

const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

const hashes: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' }

/** A token with any header and payload, signed as an attacker or an issuer with this secret would. Texts go in as they are. */
export function handmade(header: unknown, payload: unknown, key: string | Uint8Array = secret): string {
  const signed = `${encoded(header)}.${encoded(payload)}`
  const alg = typeof header === 'object' && header !== null && 'alg' in header ? String(header.alg) : 'HS256'
  return `${signed}.${createHmac(hashes[alg] ?? 'sha256', key)
    .update(signed)
    .digest('base64url')}`
}

/** Seconds since 1970 of a clock. */
export function seconds(clock: { now(): number }): number {
  return Math.floor(clock.now() / 1000)
}
