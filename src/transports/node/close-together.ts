import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'

/**
 * Does something when an HTTP server is told to close. Node emits no event for that: 'close' comes when the last socket has gone, for
 * which an open WebSocket lets it wait for ever. So the method of this one object is replaced.
 *
 * @returns how to put the method back
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
