import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { targetOf } from './peer.ts'
import { generatorCore, placedOn, raisePriority, serverCore } from './placement.ts'
import type { Server } from './server.ts'

/**
 * One line of the load generator: what happened in one window. Times are seconds unless a name says
 * otherwise.
 */
export interface Window {
  readonly mode: 'handshake' | 'echo' | 'broadcast' | 'ramp' | 'idle'
  readonly connections: number
  readonly seconds: number
  readonly count: number
  readonly rate: number
  readonly p50_us: number
  readonly p90_us: number
  readonly p99_us: number
  readonly max_us: number
  readonly samples: number
  readonly accepted: number
  readonly refused: number
  readonly errors: number
  readonly slow_closes: number
  readonly retries: number
  readonly last_http: number
  readonly last_close: number
  /** CPU of all threads of the server. */
  readonly server_s: number
  /** CPU of the kernel thread for softirqs of the server's core. */
  readonly ksoftirqd_s: number
  readonly client_s: number
  /** The server's core, whoever used it. */
  readonly core_busy_s: number
  readonly core_softirq_s: number
  readonly core_steal_s: number
  readonly rss_kb: number
  readonly lost: number
  readonly ramp_s: number
}

/** What the generator is asked to do; `settings` are its own key=value options. */
export interface Request {
  readonly binary: string
  readonly mode: 'handshake' | 'echo' | 'bcast' | 'hold' | 'grow'
  readonly settings: Readonly<Record<string, string | number>>
  /** A file of tokens. */
  readonly tokens: string
  /** Whether clients send the Origin of the server itself, as a page of it would. */
  readonly origin: boolean
  readonly priority: boolean
  /** Told of each line; with the setting `ctl=1` the generator goes on after it when this is done. */
  readonly onWindow?: (window: Window) => Promise<void>
}

/**
 * Runs the generator against a server, on its own core.
 *
 * @throws Error when it fails, or when the server dies meanwhile
 */
export async function generate(server: Server, request: Request): Promise<readonly Window[]> {
  return await Promise.race([run(server, request), server.died])
}

async function run(server: Server, request: Request): Promise<readonly Window[]> {
  const [command, ...args] = [
    ...placedOn(generatorCore),
    request.binary,
    request.mode,
    ...options(server, request),
  ]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  if (request.priority && child.pid !== undefined) raisePriority(child.pid)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  // a generator that fails closes its stdin: what matters then is what it said
  child.stdin.on('error', () => {})
  const closed = once(child, 'close')
  const windows: Window[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    // the generator prints exactly this: load/report.c
    const window = JSON.parse(line) as Window
    windows.push(window)
    await request.onWindow?.(window)
    if (window.mode === 'idle' && request.settings['ctl'] === 1) child.stdin.write('\n')
  }
  const [code, signal]: unknown[] = await closed
  if (code === 0) return windows
  throw new Error(`the generator failed on ${server.peer.name} (${String(code ?? signal)}):\n${said.trim()}`)
}

function options(server: Server, request: Request): readonly string[] {
  const socketIo = server.peer.wire === 'socket.io'
  return Object.entries({
    port: server.port,
    pids: server.pid,
    core: serverCore,
    ksoftirqd: ksoftirqd(),
    proto: socketIo ? 'sio' : 'ws',
    path: targetOf(server.peer),
    hdr: socketIo ? '' : 'Authorization: Bearer {token}',
    origin: request.origin ? `http://127.0.0.1:${server.port}` : '',
    tokens: request.tokens,
    ...request.settings,
  }).map(([key, value]) => `${key}=${value}`)
}

/** The id of the kernel thread that works off softirqs of the server's core; 0 when it cannot be seen. */
function ksoftirqd(): number {
  const name = `ksoftirqd/${serverCore}\n`
  const pid = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && commandOf(entry) === name)
  return Number(pid ?? 0)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8')
  } catch {
    // a process that ended while we looked
    return ''
  }
}
