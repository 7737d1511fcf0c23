import type { Family } from './token-families.ts'
import type { Random } from './random.ts'

/** The order of each curve, by the bytes of a number below it (SEC 2, version 2): s and order - s are signatures alike. */
const orders: Readonly<Record<string, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
}

/** A signature in which bits, length, order or form were changed; some of what comes out is as good as before. */
export function oddSignature(signature: Buffer, { name, half }: Family, random: Random): Buffer {
  const at = random.below(signature.length)
  switch (random.below(half === null ? 5 : 10)) {
    case 0:
      return replaced(signature, at, (signature[at] ?? 0) ^ (1 << random.below(8)))
    case 1:
      return signature.subarray(0, at)
    case 2:
      return signature.subarray(1)
    case 3:
      return Buffer.concat([signature, random.bytes(1 + random.below(4))])
    case 4:
      return Buffer.alloc(signature.length, random.pick([0, 0xff]))
    default:
      return oddPair(signature, { name, half: half ?? 0 }, random)
  }
}

function oddPair(signature: Buffer, { name, half }: { name: string; half: number }, random: Random): Buffer {
  const [r, s] = [signature.subarray(0, half), signature.subarray(half)]
  switch (random.below(6)) {
    case 0:
      return der(r, s)
    case 1:
      return Buffer.concat([s, r])
    case 2:
      return Buffer.concat([Buffer.alloc(half), s])
    case 3:
      return Buffer.concat([r, Buffer.alloc(half)])
    case 4:
      return Buffer.concat([Buffer.alloc(1), r, Buffer.alloc(1), s])
    default:
      return Buffer.concat([r, mirrored(s, orders[name])])
  }
}

/** The other s that is as good (ECDSA is malleable); the same where the curve has none that we know. */
function mirrored(s: Buffer, order: bigint | undefined): Buffer {
  if (order === undefined) return s
  const other = order - BigInt(`0x${s.toString('hex')}`)
  return Buffer.from(other.toString(16).padStart(2 * s.length, '0'), 'hex')
}

/** The ASN.1 form, which TLS and Java write and RFC 7518 does not take. */
function der(r: Buffer, s: Buffer): Buffer {
  const body = Buffer.concat([r, s].map(integer))
  return Buffer.concat([Buffer.from([0x30, ...lengthOf(body)]), body])
}

function integer(number: Buffer): Buffer {
  const first = number.findIndex((byte) => byte !== 0)
  const short = number.subarray(Math.max(0, first))
  const positive = (short[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.alloc(1), short]) : short
  return Buffer.concat([Buffer.from([0x02, ...lengthOf(positive)]), positive])
}

function lengthOf({ length }: Buffer): readonly number[] {
  return length < 0x80 ? [length] : [0x81, length]
}

function replaced(bytes: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = byte
  return copy
}
