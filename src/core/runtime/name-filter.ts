const bits = 2 ** 21
const bitsPerName = 10
/**
 * The number of names that a filter is made for: with so many, one other name in 16,000 is mistaken for one
 * of them.
 */
export const namesPerFilter = 100_000

/**
 * A set of names that never loses one, in 256 KiB for any number of names (a Bloom filter). It mistakes some
 * other names for its own: few up to {@link namesPerFilter}, and more beyond it. A name is given by its
 * digest, 16 hex digits that others can neither know nor choose: otherwise they could choose names with the
 * bits of a victim.
 */
export class NameFilter {
  readonly #words = new Uint32Array(bits / 32)
  #size = 0

  /** How many names were added. */
  get size(): number {
    return this.#size
  }

  add(digest: string): void {
    this.#size++
    const [first, step] = halvesOf(digest)
    for (let index = 0; index < bitsPerName; index++) {
      const bit = bitAt(first + index * step)
      this.#words[bit >>> 5] = this.#wordOf(bit) | (1 << (bit & 31))
    }
  }

  /** Whether a name was added. Always true for a name that was added; sometimes true for another one. */
  has(digest: string): boolean {
    const [first, step] = halvesOf(digest)
    for (let index = 0; index < bitsPerName; index++) {
      const bit = bitAt(first + index * step)
      if ((this.#wordOf(bit) & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  #wordOf(bit: number): number {
    return this.#words[bit >>> 5] ?? 0
  }
}

/**
 * The first bit of a name and the distance to its next bits. The step is odd, so that no two bits are the
 * same.
 */
function halvesOf(digest: string): readonly [first: number, step: number] {
  return [Number.parseInt(digest.slice(0, 8), 16), Number.parseInt(digest.slice(8, 16), 16) | 1]
}

function bitAt(place: number): number {
  return place & (bits - 1)
}
