import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { bunProgram } from './bun.ts'
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
  /** What it holds; garbage is collected first where it was started for that, and so many seconds go by after it. */
  memory(settleSeconds: number): Promise<Held>
  /**
   * Bytes that it allocates in its heap while this is done, exactly: V8 tells at each collection what the heap holds
   * before and after. Only for peers that run on Node.
   */
  allocated(work: () => Promise<unknown>): Promise<number>
  stop(): Promise<void>
}

/** What a process holds: resident memory, and objects of the JavaScript heap. */
export interface Held {
  readonly residentKb: number
  readonly heapBytes: number
}

/** How a server is started. */
export interface StartOptions {
  readonly secret: string
  readonly priority: boolean
  /** Whether garbage is collected before memory is read. */
  readonly collects?: boolean
  /** Options for Node itself; a peer that runs on something else takes none. */
  readonly flags?: readonly string[]
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
  const answers = linesOf(child)
  const { port } = await Promise.race([answerOf<{ port: number }>(answers), died, late(peer)])
  if (options.priority) raisePriority(pid)
  const ask = async <T>(...words: readonly (string | number)[]): Promise<T> => {
    child.stdin?.write(`${words.join(' ')}\n`)
    return await Promise.race([answerOf<T>(answers), died])
  }
  return {
    peer,
    port,
    pid,
    startMs: performance.now() - began,
    died,
    memory: async (settleSeconds) => {
      const { heapBytes } = await ask<{ heapBytes: number }>('collect', settleSeconds)
      return { residentKb: residentKb(pid), heapBytes }
    },
    allocated: async (work) => {
      await ask('count')
      await work()
      const { allocatedBytes } = await ask<{ allocatedBytes: number }>('counted')
      return allocatedBytes
    },
    stop: () => stop(child, life),
  }
}

function launch(peer: Peer, options: StartOptions): ChildProcess {
  const [command, ...args] = [...placedOn(serverCore), ...commandOf(peer, options)]
  return spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, BENCH_SECRET: options.secret, NODE_ENV: 'production' },
    // a session of its own, so that its priority can be its own; it ends when its stdin does
    detached: true,
  })
}

function commandOf(peer: Peer, { collects, flags = [] }: StartOptions): readonly string[] {
  const program = join(import.meta.dirname, 'peers', peer.file)
  if (peer.runtime === 'bun') return [bunProgram(), program]
  return [process.execPath, ...(collects ? ['--expose-gc'] : []), ...flags, program]
}

function linesOf(child: ChildProcess): AsyncIterator<string> {
  if (child.stdout === null) throw new TypeError('the server was started without a pipe')
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
}

/** The next line of JSON; a peer prints its answers as such, and they are what is asked for. */
async function answerOf<T>(lines: AsyncIterator<string>): Promise<T> {
  for (;;) {
    const { value, done } = await lines.next()
    // its death is told elsewhere
    if (done === true) return await new Promise<never>(() => {})
    if (value.startsWith('{')) return JSON.parse(value) as T
  }
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

function residentKb(pid: number): number {
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
