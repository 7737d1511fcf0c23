interface SocketEvents {
  readonly open: unknown
  readonly message: { readonly data: unknown }
  readonly close: { readonly code: number; readonly reason: string }
  readonly error: unknown
}

/**
 * The part of a WebSocket that the client needs. The platform's class has it, and so has that of the package
 * `ws`.
 */
export interface WebSocketLike {
  binaryType: string
  readonly protocol: string
  readonly bufferedAmount: number
  /** Adds a listener, as on every EventTarget. */
  addEventListener<T extends keyof SocketEvents>(type: T, hear: (event: SocketEvents[T]) => void): void
  /** Queues a message. `bufferedAmount` tells how many bytes are not yet sent. */
  send(data: string | Uint8Array<ArrayBuffer>): void
  /** Begins to close. The `close` event follows when the other side has agreed or is gone. */
  close(code?: number, reason?: string): void
}

/** The class of such a WebSocket. */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
  options?: { headers: Readonly<Record<string, string>> },
) => WebSocketLike

/**
 * The class of the platform: browsers have it, and Node from 22 on.
 *
 * @throws TypeError where there is none
 */
export function platformWebSocket(): WebSocketClass {
  const found: WebSocketClass | undefined = globalThis.WebSocket
  if (found !== undefined) return found
  throw new TypeError("this runtime has no WebSocket: pass a class as the client's option 'WebSocket'")
}
