// a decoder drops a U+FEFF at the beginning of what it reads unless it is told otherwise
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The text in bytes of UTF-8, whole: a U+FEFF at its beginning stays, so that no two texts become one. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}
