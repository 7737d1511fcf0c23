import { isBytes } from '../../wire/is-bytes.ts'
import { maxJsonDepth } from '../../wire/json.ts'

// the sizes of V8 on a 64-bit machine for what JSON.parse and validators make: measured, and rather too large
// than too small
const headBytes = 24
const arrayBytes = 56
const itemBytes = 12
const objectBytes = 64
const memberBytes = 96
// a copy of `{"1000":1}` holds an array of 1,517 items: up to a gap of this size V8 makes no dictionary of it
const gapMost = 1_024
const indexedBytes = 200
const bytesBytes = 200
/**
 * A value that is neither plain nor bytes, such as a Date or a Map that a schema has made. Its content is not
 * counted.
 */
const otherBytes = 256

/**
 * About how many bytes of the heap a value holds, for JSON values and bytes. A message of 6 KB may take 120
 * KB in the heap. A message of 60 KB may take 100 bytes after the schema has removed most of it.
 */
export function heapBytes(value: unknown, depth = 0): number {
  if (typeof value === 'string') return headBytes + 2 * value.length
  if (typeof value === 'number' || typeof value === 'bigint') return headBytes
  if (typeof value !== 'object' || value === null) return 0
  // JSON of a peer is no deeper; a value that a schema has made may contain itself
  if (depth > maxJsonDepth) return otherBytes
  if (Array.isArray(value))
    return value.reduce<number>((total, item) => total + itemBytes + heapBytes(item, depth + 1), arrayBytes)
  if (isPlain(value)) return membersBytes(value, depth + 1)
  return isBytes(value) ? bytesBytes + value.byteLength : otherBytes
}

function membersBytes(value: object, depth: number): number {
  let total = objectBytes
  let last = 0
  for (const [key, member] of Object.entries(value)) {
    total += memberBytes + 2 * key.length + heapBytes(member, depth)
    if (!isIndex(key)) continue
    // members with numeric names come first and in order
    const gap = Number(key) - last
    total += indexedBytes + (gap > gapMost ? 0 : itemBytes * gap)
    last = Number(key)
  }
  return total
}

function isIndex(key: string): boolean {
  return /^\d{1,10}$/.test(key)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
