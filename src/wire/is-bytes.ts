/**
 * Whether a value is bytes: a `Uint8Array` or Node's `Buffer`, of this realm or another one. An iframe and a `vm` context,
 * in which Jest runs tests, have classes of their own, of which `instanceof` knows nothing.
 */
export function isBytes(value: unknown): value is Uint8Array {
  return Object.prototype.toString.call(value) === '[object Uint8Array]'
}
