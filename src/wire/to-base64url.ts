const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const ascii = new TextDecoder()

/**
 * Bytes as base64url without padding (RFC 4648 section 5). The text stands for itself: one that was cut out of a longer
 * one, as out of `btoa`'s with its padding, keeps that in memory for as long as it lives, 56 bytes for each id.
 */
export function toBase64url(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil((bytes.length * 4) / 3))
  let at = 0
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff
    for (bits += 8; bits >= 6; at++) codes[at] = alphabet.charCodeAt((held >> (bits -= 6)) & 63)
  }
  if (bits > 0) codes[at] = alphabet.charCodeAt((held << (6 - bits)) & 63)
  return ascii.decode(codes)
}
