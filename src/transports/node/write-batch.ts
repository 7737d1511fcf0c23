/**
 * The frames of one turn, as a path in a tree. Connections that are sent the same frames in the same order
 * share a batch, and so write the same buffer. A frame for one connection alone leads to a separate branch.
 */
export class WriteBatch {
  /** Bytes from the root to here. */
  readonly bytes: number
  readonly #frame: Uint8Array | null
  readonly #parent: WriteBatch | null
  /** The branch that was taken last. In a group, the next connection nearly always takes it too. */
  #last: WriteBatch | null = null
  #branches: Map<Uint8Array | null, WriteBatch> | null = null
  #joined: Uint8Array | null = null

  constructor(parent: WriteBatch | null = null, frame: Uint8Array | null = null) {
    this.#parent = parent
    this.#frame = frame
    this.bytes = (parent?.bytes ?? 0) + (frame?.length ?? 0)
  }

  /** The batch with one more frame: the same batch for every connection that adds this frame here. */
  with(frame: Uint8Array): WriteBatch {
    const last = this.#last
    if (last === null) return (this.#last = new WriteBatch(this, frame))
    if (last.#frame === frame) return last
    this.#branches ??= new Map()
    this.#branches.set(last.#frame, last)
    return (this.#last = this.#branches.get(frame) ?? new WriteBatch(this, frame))
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
