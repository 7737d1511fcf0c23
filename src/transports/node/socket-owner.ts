import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** The object that owns a socket now: first the pending upgrade, then the connection that it became. */
export interface SocketOwner {
  /** Takes bytes from the peer. */
  received(chunk: Uint8Array): void
  /** The peer has hung up, reset or vanished. It may be called more than once. */
  gone(): void
}

// one symbol for all copies of this package in a process: two must not own one socket
const socketOwner: unique symbol = Symbol.for('sallyport.socket-owner')

/** A socket with a field for its owner, so that ten thousand sockets share the same listeners. */
export interface OwnedSocket extends Duplex {
  [socketOwner]?: SocketOwner
}

/**
 * Sets the owner of a socket. The listeners are added at the first call and stay until the end: a peer may
 * reset at any moment, and an 'error' without a listener would end the process.
 */
export function own(socket: OwnedSocket, by: SocketOwner): void {
  const isFirst = socket[socketOwner] === undefined
  socket[socketOwner] = by
  if (isFirst) socket.on('error', gone).on('end', gone).on('close', gone)
}

/** Whether a server of this package owns a socket, or has owned it. */
export function isOwned(socket: OwnedSocket): boolean {
  return socket[socketOwner] !== undefined
}

/** Begins to read: until then, what the peer sends waits in the socket. */
export function startReading(socket: OwnedSocket): void {
  socket.on('data', received)
  // node:net has a listener for 'end' too, which does nothing where a socket may be half open. Two listeners are a list, and
  // take 100 bytes more than ours alone.
  if (!(socket instanceof Socket) || !socket.allowHalfOpen || socket.listenerCount('end') !== 2) return
  for (const listener of socket.rawListeners('end'))
    // listeners are functions that are called with nothing here
    if (listener.name === 'onReadableStreamEnd') socket.off('end', listener as () => void)
}

/** How long a peer that was refused, broke a rule or was too slow may take to read the reason, in milliseconds. */
export const lastWordMs = 1_000

/**
 * Ends a socket, and hangs up when all bytes are written. It hangs up at once where the kernel has them all: it
 * sends them, and then the end, so that no call of its own has to ask for that. TLS ends with a message. A socket with input that was
 * not read ends first: the kernel would send a reset in the place of the end.
 */
export function hangUpWhenFlushed(socket: Duplex): void {
  const isPlain = socket instanceof Socket && !(socket instanceof TLSSocket)
  if (isPlain && socket.writableLength === 0 && socket.readableLength === 0) return void socket.destroy()
  socket.on('finish', hangUp)
  if (socket.writable) socket.end()
}

function received(this: OwnedSocket, chunk: Uint8Array): void {
  this[socketOwner]?.received(chunk)
}

function gone(this: OwnedSocket): void {
  this[socketOwner]?.gone()
}

function hangUp(this: Duplex): void {
  this.destroy()
}
