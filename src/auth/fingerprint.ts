import { hash } from 'node:crypto'

/** The SHA-256 of a secret in hex, which is stored in place of the secret. */
export function sha256Hex(secret: string): string {
  return hash('sha256', secret)
}

/**
 * The name under which a session is revoked whose id is a secret: 128 bits of its SHA-256 in base64url, 22
 * characters. It does not reveal the id.
 *
 * @example await server.revoke({ session: fingerprint(sessionId), reason: 'signed out' })
 */
export function fingerprint(secret: string): string {
  // not `slice`, whose result keeps the whole digest in memory for as long as an identity has this name
  return Buffer.from(hash('sha256', secret, 'base64url'), 'latin1').toString('latin1', 0, 22)
}
