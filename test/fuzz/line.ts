import { Duplex } from 'node:stream'

/** The server's end of a wire in memory, which node:http takes for a connection, and what it has written to it. */
export class Line extends Duplex {
  /** Where peers are looked up by their address. */
  readonly remoteAddress = '127.0.0.1'
  readonly #written: Buffer[] = []

  constructor() {
    super({ allowHalfOpen: true })
    this.on('error', () => {})
  }

  /** What the server has said so far. */
  get said(): Buffer {
    return this.#written.length === 1 ? (this.#written[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#written)
  }

  get hasSpoken(): boolean {
    return this.#written.length > 0
  }

  setTimeout(): this {
    return this
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.#written.push(chunk)
    done()
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
