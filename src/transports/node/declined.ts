import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../core/clock.ts'

/**
 * Leaves an upgrade to the server's other listeners. Node has let go of the socket: without a listener for its 'error' a
 * peer that resets would end the process, and one that nobody answers would be held for ever. So it has the one from the
 * first tick, and is cut when nobody has written a byte within the time.
 */
export function leaveToOthers(socket: Duplex, clock: Clock, ms: number): void {
  const before = written(socket)
  const late = clock.after(ms, () => {
    if (written(socket) === before) socket.destroy()
  })
  socket.on('error', () => socket.destroy()).on('close', () => late.cancel())
}

function written(socket: Duplex & { readonly bytesWritten?: Socket['bytesWritten'] }): number {
  return socket.bytesWritten ?? 0
}

/**
 * Whether the answer to an earlier request is still to come on this socket (HTTP pipelining): node:http would write it
 * between the frames. It keeps that answer under this name.
 */
export function isAnswering({
  _httpMessage: answer = null,
}: Duplex & { readonly _httpMessage?: unknown }): boolean {
  return answer !== null
}
