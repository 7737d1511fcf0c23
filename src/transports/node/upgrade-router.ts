import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../wire/clock.ts'
import { isOwned } from './socket-owner.ts'
import { pathOf } from './upgrade-request.ts'

/** An upgrade as node:http hands it over. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

/** A listener that answers upgrades of an HTTP server. */
export interface UpgradeListener {
  /** Whether it accepts every path. */
  readonly acceptsEveryPath: boolean
  /** Whether it was closed. Then it still answers 503 for its paths, until another one replaces it. */
  readonly isClosed: boolean
  /** How long an upgrade that is left to other listeners may stay without an answer. */
  readonly leftToOthersMs: number
  readonly clock: Clock
  accepts(path: string): boolean
  /** Answers an upgrade, whose path it accepts or not. */
  answer(upgrade: Upgrade, isAccepted: boolean): void
  /** Called when another listener accepts the same path. */
  overlapped(): void
}

const known = new WeakMap<HttpServer | HttpsServer, UpgradeRouter>()

/** The router of an HTTP server: the same one for all servers that are attached to it. */
export function upgradesOf(server: HttpServer | HttpsServer): UpgradeRouter {
  const made = known.get(server) ?? new UpgradeRouter(server)
  known.set(server, made)
  return made
}

/**
 * Answers each upgrade of an HTTP server once: the first attached server that accepts the path answers. An upgrade that another
 * listener has taken, such as that of Socket.IO, ws or Vite, is left alone.
 */
class UpgradeRouter {
  readonly #server: HttpServer | HttpsServer
  #listeners: readonly UpgradeListener[] = []

  constructor(server: HttpServer | HttpsServer) {
    this.#server = server
    // the first of all listeners, so that it sees the socket unread; a closed one stays, because node:http
    // would otherwise take an upgrade for a request of the application
    server.prependListener('upgrade', (request, socket, head) => this.#route({ request, socket, head }))
  }

  /** @throws TypeError when the paths of two overlap for certain */
  add(listener: UpgradeListener): void {
    const open = this.#listeners.filter(({ isClosed }) => !isClosed)
    if (open.length > 0 && [...open, listener].some(({ acceptsEveryPath }) => acceptsEveryPath)) {
      throw new TypeError(
        "another server is attached to this HTTP server, and one of the two takes every path: give each server 'accepts', or serve both from one server with router()",
      )
    }
    this.#listeners = [...open, listener]
  }

  #route(upgrade: Upgrade): void {
    const { socket } = upgrade
    if (this.#server.listenerCount('upgrade') === 1) {
      if (!isOwned(socket)) this.#dispatch(upgrade, false)
      return
    }
    // the other listeners are called within this turn, and show by what they do whether they take it
    const before = written(socket)
    const ignore = (): void => {}
    socket.on('error', ignore)
    process.nextTick(() => {
      if (!isTaken(socket, before)) this.#dispatch(upgrade, true)
      socket.off('error', ignore)
    })
  }

  #dispatch(upgrade: Upgrade, hasOthers: boolean): void {
    const first = this.#accepting(pathOf(upgrade.request))
    if (first !== null) return first.answer(upgrade, true)
    const [any] = this.#listeners
    // there is no other listener, so we answer
    if (any !== undefined && hasOthers) leaveToOthers(upgrade.socket, any.clock, any.leftToOthersMs)
    else any?.answer(upgrade, false)
  }

  /** The first listener that accepts a path. It is told when there is a second one. */
  #accepting(path: string): UpgradeListener | null {
    let first: UpgradeListener | null = null
    for (const listener of this.#listeners) {
      if (!listener.accepts(path)) continue
      if (first !== null) {
        first.overlapped()
        break
      }
      first = listener
    }
    return first
  }
}

/** Whether a listener has answered an upgrade, or reads the socket. One that only waits to do so cannot be seen. */
function isTaken(socket: Duplex, before: number): boolean {
  return (
    isOwned(socket) ||
    isAnswered(socket, before) ||
    socket.destroyed ||
    socket.listenerCount('data') > 0 ||
    socket.listenerCount('readable') > 0
  )
}

/** Whether bytes were written since then, or the socket has ended: a socket must not get two answers. */
export function isAnswered(socket: Duplex, before: number): boolean {
  return written(socket) !== before || socket.writableEnded
}

/** How many bytes were written to a socket until now. */
export function written(socket: Duplex & { readonly bytesWritten?: Socket['bytesWritten'] }): number {
  return socket.bytesWritten ?? 0
}

/**
 * Leaves an upgrade to the other listeners of the HTTP server. Node has released the socket: without a listener for 'error' a
 * peer that resets would end the process, and an upgrade without an answer would stay open for ever. So the socket has that
 * listener from the first tick, and is cut when no byte was written within the time.
 */
function leaveToOthers(socket: Duplex, clock: Clock, ms: number): void {
  const before = written(socket)
  const late = clock.after(ms, () => {
    if (written(socket) === before) socket.destroy()
  })
  socket.on('error', () => socket.destroy()).on('close', () => late.cancel())
}

/**
 * Whether the response to an earlier request is still to come on this socket (HTTP pipelining): node:http
 * would write it between the frames. It keeps that response under this name.
 */
export function isAnswering({
  _httpMessage: answer = null,
}: Duplex & { readonly _httpMessage?: unknown }): boolean {
  return answer !== null
}
