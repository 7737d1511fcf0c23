import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const sources = join(import.meta.dirname, 'load')
const folder = join(import.meta.dirname, 'build')
const binary = join(folder, 'load')
const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror']

/**
 * Compiles the load generator if it is older than its sources, and answers where it is.
 *
 * @throws Error when there is no C compiler, or when it refuses
 */
export function loadGenerator(): string {
  const files = readdirSync(sources).map((file) => join(sources, file))
  if (modified(binary) < Math.max(...files.map(modified)))
    compile(files.filter((file) => file.endsWith('.c')))
  return binary
}

/** Builds the package: the peers run what users install. @throws Error when it does not compile */
export function buildPackage(): void {
  try {
    execFileSync('npm', ['run', '-s', 'build'], {
      cwd: join(import.meta.dirname, '..'),
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  } catch (error) {
    throw new Error('the package does not compile: see the messages above', { cause: error })
  }
}

function compile(files: readonly string[]): void {
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync('cc', [...flags, '-o', binary, ...files], { stdio: ['ignore', 'inherit', 'inherit'] })
  } catch (error) {
    if (isMissing(error))
      throw new Error('the load generator needs a C compiler: apt-get install gcc libc6-dev', {
        cause: error,
      })
    throw new Error('the load generator does not compile: see the messages above', { cause: error })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** When a file was written last, or 0 when it is not there. */
function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
