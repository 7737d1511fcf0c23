/** The longest text that is remembered: names of hosts have at most 253 characters. Two such texts have room. */
const longest = 600

/**
 * Texts that have passed a check, so that the next handshake with the same text need not make it. At most `most` of up to 600
 * characters are remembered; then all are forgotten. So a peer that sends ever new texts costs a bounded memory, and other
 * peers the time of a check.
 */
export class Remembered {
  readonly #texts = new Map<string, string>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  has(text: string): boolean {
    return this.#texts.has(text)
  }

  add(text: string): void {
    if (text.length > longest || this.#texts.has(text)) return
    if (this.#texts.size >= this.#most) this.#texts.clear()
    this.#texts.set(text, text)
  }

  /** The text that is remembered and equal to this one. So those that keep it share one text. */
  shared(text: string): string {
    this.add(text)
    return this.#texts.get(text) ?? text
  }

  /** How many texts are remembered. */
  get size(): number {
    return this.#texts.size
  }
}
