import type { Duplex } from 'node:stream'

/** Whoever answers for a socket at the moment: a handshake first, then the connection that it became. */
export interface SocketOwner {
  /** Bytes have come. */
  heard(chunk: Uint8Array): void
  /** The peer has hung up, reset or vanished; may be called more than once. */
  gone(): void
}

// of all copies of this package in a process: two must not hold one socket
const socketOwner: unique symbol = Symbol.for('sallyport.holder')

/** A socket with a place for its holder, so that ten thousand sockets share the same listeners. */
export interface OwnedSocket extends Duplex {
  [socketOwner]?: SocketOwner
}

/**
 * Makes someone the holder of a socket. The listeners are there from the first time on and stay until the
 * end: a peer that resets at any moment finds one for its 'error', without which the process would end.
 */
export function own(socket: OwnedSocket, by: SocketOwner): void {
  const isFirst = socket[socketOwner] === undefined
  socket[socketOwner] = by
  if (isFirst) socket.on('error', gone).on('end', gone).on('close', gone)
}

/** Whether somebody of ours holds a socket, or has held it. */
export function isOwned(socket: OwnedSocket): boolean {
  return socket[socketOwner] !== undefined
}

/** Begins to read: until then, what the peer sends waits in the socket. */
export function startReading(socket: OwnedSocket): void {
  socket.on('data', heard)
}

/** Hangs up as soon as everything is written. */
export function hangUpWhenFlushed(socket: OwnedSocket): void {
  socket.on('finish', hangUp)
}

function heard(this: OwnedSocket, chunk: Uint8Array): void {
  this[socketOwner]?.heard(chunk)
}

function gone(this: OwnedSocket): void {
  this[socketOwner]?.gone()
}

function hangUp(this: OwnedSocket): void {
  this.destroy()
}
