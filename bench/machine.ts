import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { gunzipSync } from 'node:zlib'

/**
 * Whether this kernel takes the time of softirqs out of that of the process that they interrupt. With
 * `within` the CPU time of a process has the network work of its sends in it, and adding softirq time would
 * count that twice.
 */
export type Accounting = 'within' | 'apart'

/** What figures depend on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly kernel: string
  readonly node: string
  readonly compiler: string
  readonly packages: Readonly<Record<string, string>>
  readonly commit: string
  readonly softirqs: Accounting
}

/** Describes this machine and what runs on it. */
export function describeMachine(): Machine {
  const processors = cpus()
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release'))?.[1] ?? 'unknown',
    kernel: release(),
    node: process.version,
    compiler: firstLine('cc', ['--version']),
    packages: Object.fromEntries(
      ['sallyport', 'ws', 'socket.io', 'jose', 'zod'].map((name) => [name, versionOf(name)]),
    ),
    commit: commit(),
    softirqs: softirqAccounting(),
  }
}

/** Load averages over 1, 5 and 15 minutes. */
export function loadAverages(): readonly number[] {
  return loadavg().map((load) => Math.round(load * 100) / 100)
}

/** How this kernel accounts softirqs; `within` when it does not say, which never counts anything twice. */
export function softirqAccounting(): Accounting {
  return /^CONFIG_IRQ_TIME_ACCOUNTING=y/m.test(kernelConfiguration()) ? 'apart' : 'within'
}

function kernelConfiguration(): string {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString('latin1')
  } catch {
    return textOf(`/boot/config-${release()}`)
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function versionOf(name: string): string {
  // every package.json has a version; npm would not install it otherwise
  const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { readonly version: string }
  return version
}

function commit(): string {
  const changed = firstLine('git', ['status', '--porcelain', '--', '../src']) !== 'unknown'
  return `${firstLine('git', ['rev-parse', '--short', 'HEAD'])}${changed ? ' with changes in src' : ''}`
}

function firstLine(command: string, args: readonly string[]): string {
  try {
    const output = execFileSync(command, args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return output.split('\n')[0] || 'unknown'
  } catch {
    return 'unknown'
  }
}
