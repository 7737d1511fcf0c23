/**
 * The frames of one turn, as a path in a tree. Connections that are sent the same frames in the same order
 * share a batch, and so write the same buffer. A frame for one connection alone leads to a separate branch.
 */
export class WriteBatch {
  /** Bytes from the root to here. */
  readonly bytes: number
  readonly #frame: Uint8Array | null
  readonly #parent: WriteBatch | null
  /**
   * The two branches that were taken last. In a group the next connection takes one of them too: one is of the members
   * that speak the plain wire, one of the others. Any other branch is not shared.
   */
  #last: WriteBatch | null = null
  #other: WriteBatch | null = null
  #joined: Uint8Array | null = null

  constructor(parent: WriteBatch | null = null, frame: Uint8Array | null = null) {
    this.#parent = parent
    this.#frame = frame
    this.bytes = (parent?.bytes ?? 0) + (frame?.length ?? 0)
  }

  /** The batch with one more frame: the same batch for the connections that add this frame here one after another. */
  with(frame: Uint8Array): WriteBatch {
    const last = this.#last
    if (last !== null && last.#frame === frame) return last
    const other = this.#other
    this.#other = last
    this.#last = other !== null && other.#frame === frame ? other : new WriteBatch(this, frame)
    return this.#last
  }

  /** All frames in one buffer, joined once for all connections of this batch. */
  joined(): Uint8Array {
    return (this.#joined ??= this.#join())
  }

  #join(): Uint8Array {
    if (this.#frame !== null && this.#parent !== null && this.#parent.bytes === 0) return this.#frame
    return Buffer.concat(WriteBatch.#framesTo(this), this.bytes)
  }

  static #framesTo(end: WriteBatch): readonly Uint8Array[] {
    const frames: Uint8Array[] = []
    for (let batch: WriteBatch | null = end; batch !== null; batch = batch.#parent)
      if (batch.#frame !== null) frames.push(batch.#frame)
    return frames.reverse()
  }
}
