import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The version of Bun that the figures are of. */
const version = '1.4.5'
const architectures: Readonly<Record<string, string>> = { x64: 'x64', arm64: 'aarch64' }
const packageName = `@oven/bun-linux-${architectures[process.arch] ?? process.arch}`

/** How Bun gets here. It is no dependency, because it is a program of 100 MB that one peer needs. */
export const installBun = `npm i --no-save -w bench ${packageName}@${version}`

/** Whether Bun is installed. */
export function hasBun(): boolean {
  try {
    return bunProgram() !== ''
  } catch {
    return false
  }
}

/** Where Bun is. @throws Error when it is not installed */
export function bunProgram(): string {
  return join(dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)), 'bin/bun')
}
