interface SocketEvents {
  readonly open: unknown
  readonly message: { readonly data: unknown }
  readonly close: { readonly code: number; readonly reason: string }
  readonly error: unknown
}

/** What the client needs of a WebSocket: the platform's has it, and so has that of the package `ws`. */
export interface WebSocketLike {
  binaryType: string
  readonly protocol: string
  readonly bufferedAmount: number
  /** Hears events, as every EventTarget has it. */
  addEventListener<T extends keyof SocketEvents>(type: T, hear: (event: SocketEvents[T]) => void): void
  /** Queues a message; `bufferedAmount` says how much of all is still here. */
  send(data: string | Uint8Array<ArrayBuffer>): void
  /** Begins to close; the `close` event follows when the other end has agreed, or has gone. */
  close(code?: number, reason?: string): void
}

/** The class of it. */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
  options?: { headers: Readonly<Record<string, string>> },
) => WebSocketLike

/**
 * The platform's class: browsers and Node from 22 on have it.
 *
 * @throws TypeError where there is none
 */
export function platformWebSocket(): WebSocketClass {
  const found: WebSocketClass | undefined = globalThis.WebSocket
  if (found !== undefined) return found
  throw new TypeError("this runtime has no WebSocket: pass a class as the client's option 'WebSocket'")
}
