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
  /** Whether its path is accepted. */
  readonly ours: boolean
}

/** One who answers upgrades of an HTTP server. */
export interface UpgradeListener {
  /** Whether every path is its own. */
  readonly isWhole: boolean
  /** Whether it was closed: then it still answers 503 for its paths, until another one takes its place. */
  readonly isClosed: boolean
  /** How long an upgrade that is left to other listeners may stay without an answer. */
  readonly leftMs: number
  readonly clock: Clock
  accepts(path: string): boolean
  answer(upgrade: Upgrade): void
  /** Hears that another one accepts the same path. */
  overlapped(): void
}

const known = new WeakMap<HttpServer | HttpsServer, UpgradeRouter>()

/** The upgrades of an HTTP server: one and the same for all who are attached to it. */
export function upgradesOf(server: HttpServer | HttpsServer): UpgradeRouter {
  const made = known.get(server) ?? new UpgradeRouter(server)
  known.set(server, made)
  return made
}

/**
 * Answers each upgrade of an HTTP server once: who was attached first and accepts the path has it. What another listener has
 * taken, such as that of Socket.IO, ws or Vite, is left alone.
 */
class UpgradeRouter {
  readonly #server: HttpServer | HttpsServer
  #claimants: readonly UpgradeListener[] = []

  constructor(server: HttpServer | HttpsServer) {
    this.#server = server
    // the first of all listeners, so that it sees the socket as it came; a closed one stays, or node:http would take an upgrade for
    // a request and ask the application
    server.prependListener('upgrade', (request, socket, head) => this.#came({ request, socket, head }))
  }

  /** @throws TypeError when the paths of two overlap for certain */
  add(claimant: UpgradeListener): void {
    const open = this.#claimants.filter(({ isClosed }) => !isClosed)
    if (open.length > 0 && [...open, claimant].some(({ isWhole }) => isWhole)) {
      throw new TypeError(
        "another server is attached to this HTTP server, and one of the two takes every path: give each 'accepts', or serve both from one with router()",
      )
    }
    this.#claimants = [...open, claimant]
  }

  #came(came: Omit<Upgrade, 'ours'>): void {
    const { socket } = came
    if (this.#server.listenerCount('upgrade') === 1) {
      if (!isOwned(socket)) this.#lead(came, false)
      return
    }
    // the others are called within this turn, and say by what they do whether they take it
    const before = written(socket)
    const ignore = (): void => {}
    socket.on('error', ignore)
    process.nextTick(() => {
      if (!isTaken(socket, before)) this.#lead(came, true)
      socket.off('error', ignore)
    })
  }

  #lead(came: Omit<Upgrade, 'ours'>, hasOthers: boolean): void {
    const path = pathOf(came.request)
    const [first, second] = this.#claimants.filter((claimant) => claimant.accepts(path))
    if (first !== undefined) {
      if (second !== undefined) first.overlapped()
      return first.answer({ ...came, ours: true })
    }
    const [any] = this.#claimants
    // no other listener is there to answer, so we do
    if (any !== undefined && hasOthers) leaveToOthers(came.socket, any.clock, any.leftMs)
    else any?.answer({ ...came, ours: false })
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

/** Whether anything was written since then, or the socket ended: two answers on one socket are none. */
export function isAnswered(socket: Duplex, before: number): boolean {
  return written(socket) !== before || socket.writableEnded
}

/** How many bytes were written to a socket until now. */
export function written(socket: Duplex & { readonly bytesWritten?: Socket['bytesWritten'] }): number {
  return socket.bytesWritten ?? 0
}

/**
 * Leaves an upgrade to the server's other listeners. Node has let go of the socket: without a listener for its 'error' a
 * peer that resets would end the process, and one that nobody answers would be held for ever. So it has the one from the
 * first tick, and is cut when nobody has written a byte within the time.
 */
function leaveToOthers(socket: Duplex, clock: Clock, ms: number): void {
  const before = written(socket)
  const late = clock.after(ms, () => {
    if (written(socket) === before) socket.destroy()
  })
  socket.on('error', () => socket.destroy()).on('close', () => late.cancel())
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
