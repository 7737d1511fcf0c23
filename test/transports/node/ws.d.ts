/** The frame parser of ws 8.23, which its own type package leaves out. Our parser is held against it. */
import type { Writable } from 'node:stream'

// beside what @types/ws declares, not instead of it
declare module 'ws' {
  interface ReceiverOptions {
    readonly isServer: boolean
    readonly maxPayload: number
    readonly maxFragments: number
    readonly maxBufferedChunks: number
    readonly allowSynchronousEvents: boolean
    readonly skipUTF8Validation: boolean
  }

  interface ReceiverEvents {
    message: [data: Buffer, isBinary: boolean]
    ping: [data: Buffer]
    pong: [data: Buffer]
    conclude: [code: number, reason: Buffer]
    error: [error: Error & { readonly code?: string }]
  }

  export class Receiver extends Writable {
    constructor(options: ReceiverOptions)
    on<E extends keyof ReceiverEvents>(event: E, listener: (...args: ReceiverEvents[E]) => void): this
  }
}
