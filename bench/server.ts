import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import type { Peer } from './peer.ts'
import { placedOn, raisePriority, serverCore } from './placement.ts'

const startLimitMs = 20_000
const stopLimitMs = 5_000

/** A peer that runs. */
export interface Server {
  readonly peer: Peer
  readonly port: number
  readonly pid: number
  /** From the start of the process until it listens. */
  readonly startMs: number
  /** Rejects when the server ends before it is stopped; never resolves. */
  readonly died: Promise<never>
  /** Its resident memory in KB, garbage collected first where it was started for that. */
  memoryKb(): Promise<number>
  stop(): Promise<void>
}

/** How a server is started. */
export interface StartOptions {
  readonly secret: string
  readonly priority: boolean
  /** Whether garbage is collected before memory is read. */
  readonly collects?: boolean
}

/**
 * Starts a peer on its core and waits until it listens, on a free port of loopback.
 *
 * @throws Error with what the peer said on stderr when it ends or does not listen in 20 s
 */
export async function startServer(peer: Peer, options: StartOptions): Promise<Server> {
  const began = performance.now()
  const child = launch(peer, options)
  const { pid } = child
  if (pid === undefined) throw new Error(`${peer.name} cannot be started: is taskset (util-linux) installed?`)
  const life = { stopping: false }
  const died = death(peer, child, life)
  // whoever needs to know races with it; a death that nobody waits for is heard of at the next use
  died.catch(() => {})
  const port = await Promise.race([announced(child), died, late(peer)])
  if (options.priority) raisePriority(pid)
  return {
    peer,
    port,
    pid,
    startMs: performance.now() - began,
    died,
    memoryKb: () => Promise.race([memory(pid), died]),
    stop: () => stop(child, life),
  }
}

function launch(peer: Peer, options: StartOptions): ChildProcess {
  const program = join(import.meta.dirname, 'peers', peer.file)
  const node = [
    process.execPath,
    '--conditions=sallyport-src',
    ...(options.collects ? ['--expose-gc'] : []),
    program,
  ]
  const [command, ...args] = [...placedOn(serverCore), ...node]
  return spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, BENCH_SECRET: options.secret, NODE_ENV: 'production' },
    // a session of its own, so that its priority can be its own; it ends when its stdin does
    detached: true,
  })
}

async function announced(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new TypeError('the server was started without a pipe')
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^\{"port":(\d+)\}$/.exec(line)?.[1]
    if (port !== undefined) return Number(port)
  }
  return await new Promise<never>(() => {})
}

async function late(peer: Peer): Promise<never> {
  await wait(startLimitMs, undefined, { ref: false })
  throw new Error(`${peer.name} does not listen after ${startLimitMs / 1000} s`)
}

async function death(peer: Peer, child: ChildProcess, life: { readonly stopping: boolean }): Promise<never> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)))
  const ended: unknown[] = await once(child, 'close').catch((error: unknown) => [error])
  if (life.stopping) return await new Promise<never>(() => {})
  throw new Error(
    `${peer.name} has died (${ended.map(String).join(', ')}):\n${said.trim() || 'it said nothing'}`,
  )
}

/** Two collections, because the first may only find what the second can free; then time for both. */
async function memory(pid: number): Promise<number> {
  for (const _ of [1, 2]) {
    process.kill(pid, 'SIGUSR2')
    await wait(300)
  }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN)
}

async function stop(child: ChildProcess, life: { stopping: boolean }): Promise<void> {
  life.stopping = true
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
  await ended
  clearTimeout(timer)
}
