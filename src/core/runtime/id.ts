import { toBase64url } from '../../wire/to-base64url.ts'

const idBytes = 16
/** Asking the runtime for random bytes costs ten times what an id does: it is asked for those of 256 at once. */
let pool = new Uint8Array(256 * idBytes)
let used = pool.length

/**
 * A new name that nobody can guess: 128 random bits as 22 characters of base64url. A UUID of the runtime is joined from 20
 * pieces, which stay in memory as long as it does.
 */
export function newId(): string {
  if (used === pool.length) {
    pool = crypto.getRandomValues(pool)
    used = 0
  }
  const id = toBase64url(pool.subarray(used, used + idBytes))
  // what an id was made of is of no use any more to whoever reads this memory
  pool.fill(0, used, (used += idBytes))
  return id
}
