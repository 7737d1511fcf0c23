import { createHash } from 'node:crypto'

/** The SHA-256 of a secret in hex: what is stored in place of the secret itself. */
export function sha256Hex(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/**
 * The name under which a session is revoked whose id is a secret, for it does not tell it: 128 bits of its
 * SHA-256 in base64url, 22 characters.
 *
 * @example await port.revoke({ session: fingerprint(sessionId), reason: 'signed out' })
 */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url').slice(0, 22)
}
