import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A site in Python that runs. */
export interface PythonSite {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** A directory of its own, gone when it stops. */
  readonly place: string
  stop(): Promise<void>
}

/** Starts a site of test/support, which prints its port when it listens. */
export async function pythonSite(
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<PythonSite> {
  const place = mkdtempSync(join(tmpdir(), 'python-site-'))
  const child = spawn('/usr/bin/python3', [program], {
    env: { PATH: '/usr/bin:/bin', PYTHONDONTWRITEBYTECODE: '1', PLACE: place, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async (): Promise<void> => {
    await ended(child)
    rmSync(place, { recursive: true, force: true })
  }
  for await (const port of createInterface(child.stdout))
    return { url: `http://127.0.0.1:${port}`, place, stop }
  await stop()
  throw new Error(`${program} ended before it listened`)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
