import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'

/**
 * Calls back when `close` of an HTTP server is called. Node emits no event for that: 'close' comes when the last socket has gone,
 * and an open WebSocket lets it wait for ever. So the method of this one object is replaced.
 *
 * @returns a function that restores the method
 */
export function whenToldToClose(server: HttpServer | HttpsServer, closing: () => void): () => void {
  const before = Object.getOwnPropertyDescriptor(server, 'close')
  const close = server.close.bind(server)
  const closeBoth: typeof server.close = (done) => {
    closing()
    return close(done)
  }
  server.close = closeBoth
  return () => {
    // other code may have replaced it after us: its method calls ours, and stays
    if (server.close !== closeBoth) return
    if (before === undefined) Reflect.deleteProperty(server, 'close')
    else Object.defineProperty(server, 'close', before)
  }
}
