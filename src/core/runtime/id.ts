import { toBase64url } from '../../wire/to-base64url.ts'

const idBytes = 16
/**
 * A call for random bytes costs ten times as much as the rest of an id. So the bytes of 256 ids are fetched
 * at once.
 */
let pool = new Uint8Array(256 * idBytes)
let used = pool.length

/**
 * A new unguessable name: 128 random bits as 22 characters of base64url. A UUID of the runtime is joined from
 * 20 pieces, which stay in memory as long as it does.
 */
export function newId(): string {
  if (used === pool.length) {
    pool = crypto.getRandomValues(pool)
    used = 0
  }
  const id = toBase64url(pool.subarray(used, used + idBytes))
  // used bytes are erased, so that an id cannot be read from this memory
  pool.fill(0, used, (used += idBytes))
  return id
}
