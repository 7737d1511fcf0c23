/**
 * How much is handed to the kernel at once. The kernel reports nothing before it has taken all of these
 * bytes. With fewer bytes, a reader that reads a little at a time does not look like a reader that reads
 * nothing.
 */
export const sliceBytes = 65_536
/**
 * This many waiting pieces become one: a piece takes 100 bytes of the heap beside its own, and the smallest
 * frames have two bytes.
 */
const mostPieces = 64

/** The frames of one connection that wait for its slow reader. Most connections never have any. */
export class HeldFrames {
  /** How many bytes wait, without those that {@link replace} took. */
  bytes = 0
  /** How many bytes wait under `latest`. */
  latestBytes = 0
  /** The frames of whole turns, or the rest of one, that wait until the kernel takes more. */
  #frames: Uint8Array[] = []
  /** How many frames have been added since pieces were joined. */
  #pieces = 0
  /** Under `latest`: the frames that wait for the reader to catch up, by key. */
  #latest: Map<string, Uint8Array> | null = null

  /** Adds frames behind the others. */
  hold(bytes: Uint8Array): void {
    this.#frames.push(bytes)
    this.bytes += bytes.length
    if (++this.#pieces < mostPieces) return
    this.#pieces = 0
    const pieces = this.#frames.splice(-mostPieces)
    const size = pieces.reduce((total, { length }) => total + length, 0)
    // large frames are not joined: many readers may share them
    this.#frames.push(...(size > sliceBytes ? pieces : [Buffer.concat(pieces, size)]))
  }

  /** Takes the next frames out, in one buffer of at most 64 KiB. */
  slice(): Uint8Array {
    let count = 0
    let bytes = 0
    while (count < this.#frames.length && bytes < sliceBytes) bytes += this.#frames[count++]?.length ?? 0
    const taken = this.#frames.splice(0, count)
    const [first] = taken
    const all = first !== undefined && taken.length === 1 ? first : Buffer.concat(taken, bytes)
    const slice = all.subarray(0, sliceBytes)
    if (slice.length < all.length) this.#frames.unshift(all.subarray(sliceBytes))
    this.bytes -= slice.length
    return slice
  }

  /** Takes all frames out, without those under `latest`. */
  takeAll(): readonly Uint8Array[] {
    const frames = this.#frames
    this.#frames = []
    this.bytes = 0
    return frames
  }

  /** Replaces the waiting frame of a key with a newer one. @returns how many keys have a frame that waits */
  replace(key: string, frame: Uint8Array): number {
    this.#latest ??= new Map()
    this.latestBytes += frame.length - (this.#latest.get(key)?.length ?? 0)
    this.#latest.delete(key)
    this.#latest.set(key, frame)
    return this.#latest.size
  }

  /** Takes out the frames under `latest`; `null` when there are none. */
  takeLatest(): Iterable<Uint8Array> | null {
    const latest = this.#latest
    this.#latest = null
    this.latestBytes = 0
    return latest === null ? null : latest.values()
  }
}
