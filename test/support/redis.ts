import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { available } from './require.ts'

/** A real Redis server. */
export interface RedisServer {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string
  /** Takes it away, data and all. */
  stop(): Promise<void>
}

/** Starts a server of its own on a free port, which keeps nothing on disk. */
export async function redisServer(): Promise<RedisServer> {
  const program = available('redis')
  if (program === null) throw new Error('this machine has no redis-server: ask available() first')
  const place = mkdtempSync(join(tmpdir(), 'redis-'))
  const port = await freePort()
  const child = spawn(
    program,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', place],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exit = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) if (line.includes('Ready to accept')) break
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await exit
    rmSync(place, { recursive: true, force: true })
  }
  if (child.exitCode === null) return { url: `redis://127.0.0.1:${port}`, stop }
  await stop()
  throw new Error('redis-server ended before it listened')
}

/** Redis cannot be told to choose one. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('no port is free')
  return address.port
}
