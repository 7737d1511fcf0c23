import { Receiver } from 'ws'

/** The parser of ws, as a server sets it up: what our own reader of frames is compared with. */
export function parserOfWs(bounds: { readonly messageBytes: number; readonly fragments: number }): Receiver {
  return new Receiver({
    isServer: true,
    maxPayload: bounds.messageBytes,
    maxFragments: bounds.fragments,
    maxBufferedChunks: 1_024,
    allowSynchronousEvents: true,
    skipUTF8Validation: false,
  })
}
