import { execFileSync } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What some tests need of the machine, and under which names it is found. */
const places = {
  chromium: ['chromium-headless-shell', 'chromium', 'google-chrome'],
  // Debian has a folder for each version, and PATH has no such folder
  postgres: [...globSync('/usr/lib/postgresql/*/bin/postgres'), 'postgres'],
  redis: ['/usr/bin/redis-server', 'redis-server'],
  cc: ['cc'],
  python: ['/usr/bin/python3'],
  django: ['/usr/bin/python3'],
  fastapi: ['/usr/bin/python3'],
  registry: ['npm'],
  next: [join(import.meta.dirname, '../../examples/next/node_modules/.bin/next')],
} as const

/** What a program must be able to do besides being there. */
const proofs: Partial<Record<Need, readonly string[]>> = {
  python: ['-c', 'import websockets'],
  registry: ['ping', '--fetch-retries=0'],
  django: ['-c', 'import django, rest_framework_simplejwt'],
  fastapi: ['-c', 'import fastapi, jose, multipart, uvicorn'],
}

/** A program, or a large package, that a machine may lack. */
export type Need = keyof typeof places

const said = new Set<Need>()

/**
 * Where a program is, or `null` when this machine lacks it, which is said aloud: the tests that need it are skipped.
 *
 * @throws Error when `SALLYPORT_REQUIRE` lists it, as it does in CI
 */
export function available(need: Need): string | null {
  const found = places[need].map(located).find((path) => path !== null && isAble(need, path)) ?? null
  if (found !== null) return found
  if ((process.env['SALLYPORT_REQUIRE'] ?? '').split(',').includes(need))
    throw new Error(`${need} is required, but this machine has none`)
  if (!said.has(need)) console.warn(`skipped: tests that need ${need}, which this machine lacks`)
  said.add(need)
  return null
}

function located(name: string): string | null {
  const paths = name.startsWith('/')
    ? [name]
    : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  return paths.find(isExecutable) ?? null
}

function isAble(need: Need, path: string): boolean {
  const proof = proofs[need]
  if (proof === undefined) return true
  try {
    execFileSync(path, proof, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
