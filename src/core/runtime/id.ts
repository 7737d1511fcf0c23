/** 128 bits in base64url. */
const idLength = 22
/**
 * The character codes of the next 256 ids. A call for random bytes costs ten times as much as the rest of an id, so the bytes
 * of many are fetched at once.
 */
let pool = new Uint8Array(256 * idLength)
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
  if (used === pool.length) fill()
  const at = used
  used += idLength
  const id = textAt(pool, at)
  // used codes are erased, so that an id cannot be read from this memory
  pool.fill(0, at, used)
  return id
}

/** Draws a random byte for each character, and replaces it by the code for its last six bits. */
function fill(): void {
  pool = crypto.getRandomValues(pool)
  for (let index = 0; index < pool.length; index++) {
    const byte = pool[index] ?? 0
    // the last character holds the last two of the 128 bits
    pool[index] = codes[index % idLength === idLength - 1 ? byte & 48 : byte & 63] ?? 0
  }
  used = 0
}

/** The text of 22 character codes. It is made in one piece: an id lives as long as its socket. */
function textAt(from: Uint8Array, at: number): string {
  // prettier-ignore
  return String.fromCharCode(
    from[at] ?? 0, from[at + 1] ?? 0, from[at + 2] ?? 0, from[at + 3] ?? 0, from[at + 4] ?? 0, from[at + 5] ?? 0,
    from[at + 6] ?? 0, from[at + 7] ?? 0, from[at + 8] ?? 0, from[at + 9] ?? 0, from[at + 10] ?? 0, from[at + 11] ?? 0,
    from[at + 12] ?? 0, from[at + 13] ?? 0, from[at + 14] ?? 0, from[at + 15] ?? 0, from[at + 16] ?? 0, from[at + 17] ?? 0,
    from[at + 18] ?? 0, from[at + 19] ?? 0, from[at + 20] ?? 0, from[at + 21] ?? 0,
  )
}
