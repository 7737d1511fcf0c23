/** A stream of chance that a seed decides: the same seed tells the same story, on any machine. */
export class Random {
  #state: number

  /** The chance of one case of a run, which so can be told again alone. */
  constructor(seed: number, index = 0) {
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0
    this.next()
  }

  /** A number from 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  /** True in so many of a hundred cases. */
  percent(share: number): boolean {
    return this.next() * 100 < share
  }

  /** One of these. */
  pick<T>(from: readonly T[]): T {
    // `below` answers an index of the list, which is never empty here
    return from[this.below(from.length)] as T
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  /** A text of any characters, many of which some parser somewhere takes for something. */
  junk(most = 12): string {
    return Array.from({ length: this.below(most + 1) }, () =>
      this.percent(95) ? this.awkward() : String.fromCharCode(this.below(256)),
    ).join('')
  }

  /** A character that means something somewhere. */
  awkward(): string {
    return this.percent(97) ? this.pick(printable) : this.pick(control)
  }
}

const printable = '\t "\'`,;:=&?#%+/\\.-_~{}[]()<>@!$^*|aZ09'.split('')
const control = '\0\r\n\x0b\x0c\x1f\x7f\x85\xa0'.split('')

/** A text with one of these changes, or with no change: a character put in, left out, replaced, repeated; a piece cut, moved, doubled. */
export function mutated(text: string, random: Random): string {
  const at = random.below(text.length + 1)
  const [head, tail] = [text.slice(0, at), text.slice(at)]
  switch (random.below(8)) {
    case 0:
      return head + random.awkward() + tail
    case 1:
      return head + tail.slice(1)
    case 2:
      return head + random.awkward() + tail.slice(1)
    case 3:
      return head + tail.slice(random.below(tail.length + 1))
    case 4:
      return tail + head
    case 5:
      return head + tail.slice(0, 8) + tail
    case 6:
      return head + random.junk() + tail
    default:
      return head + (random.percent(50) ? tail.toUpperCase() : tail.toLowerCase())
  }
}
