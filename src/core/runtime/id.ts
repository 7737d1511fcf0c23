const idBytes = 16
/**
 * A call for random bytes costs ten times as much as the rest of an id. So the bytes of 256 ids are fetched
 * at once.
 */
let pool = new Uint8Array(256 * idBytes)
let used = pool.length

/** The code of each character of base64url (RFC 4648 section 5), by its value. */
const codes: Uint8Array = Uint8Array.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  (character) => character.charCodeAt(0),
)

/**
 * A new unguessable name: 128 random bits as 22 characters of base64url. A UUID of the runtime is joined from
 * 20 pieces, which stay in memory as long as it does.
 */
export function newId(): string {
  if (used === pool.length) {
    pool = crypto.getRandomValues(pool)
    used = 0
  }
  const at = used
  used += idBytes
  const id = textAt(at)
  // used bytes are erased, so that an id cannot be read from this memory
  pool.fill(0, at, used)
  return id
}

/** The text of 16 bytes of the pool. It is made in one piece: an id lives as long as its socket. */
function textAt(at: number): string {
  const a = threeAt(at)
  const b = threeAt(at + 3)
  const c = threeAt(at + 6)
  const d = threeAt(at + 9)
  const e = threeAt(at + 12)
  const last = pool[at + 15] ?? 0
  // prettier-ignore
  return String.fromCharCode(
    code(a >> 18), code(a >> 12), code(a >> 6), code(a),
    code(b >> 18), code(b >> 12), code(b >> 6), code(b),
    code(c >> 18), code(c >> 12), code(c >> 6), code(c),
    code(d >> 18), code(d >> 12), code(d >> 6), code(d),
    code(e >> 18), code(e >> 12), code(e >> 6), code(e),
    code(last >> 2), code(last << 4),
  )
}

/** Three bytes of the pool as one number. */
function threeAt(at: number): number {
  return ((pool[at] ?? 0) << 16) | ((pool[at + 1] ?? 0) << 8) | (pool[at + 2] ?? 0)
}

/** The code of the character for the last six bits of a number. */
function code(bits: number): number {
  return codes[bits & 63] ?? 0
}
