import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, setPriority } from 'node:os'

/** The server has a core for itself, and the generator another. */
export const serverCore = 0
export const generatorCore = 1
/** The most connections that a workload opens, with some descriptors to spare. */
const descriptorsNeeded = 10_500

/**
 * The words before a program that put it on a core, and give it enough descriptors where the limit is low.
 */
export function placedOn(core: number): readonly [string, ...string[]] {
  const { hard } = descriptorLimits()
  const pinned = ['taskset', '-c', String(core)] as const
  if (hard >= descriptorsNeeded) return pinned
  return ['prlimit', `--nofile=${descriptorsNeeded}:${descriptorsNeeded}`, ...pinned]
}

/** @throws Error when this machine cannot run the benchmark, with what it lacks */
export function assertMachine(): void {
  if (process.platform !== 'linux')
    throw new Error('the benchmark needs Linux: it uses epoll, taskset and /proc')
  if (availableParallelism() < 2)
    throw new Error('the benchmark needs two cores: one for the server, one for the generator')
  const { hard } = descriptorLimits()
  if (hard < descriptorsNeeded && process.getuid?.() !== 0)
    throw new Error(
      `10,000 connections need ${descriptorsNeeded} descriptors, the limit is ${hard}: ulimit -Hn`,
    )
  const [command, ...args] = [...placedOn(serverCore), process.execPath, '--version']
  if (spawnSync(command, args).status !== 0)
    throw new Error(
      `'${[command, ...args].join(' ')}' fails: is util-linux installed, and core 0 allowed here?`,
    )
}

/** The limits on open files of this process. */
export function descriptorLimits(): { readonly soft: number; readonly hard: number } {
  const line = /^Max open files +(\S+) +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  const count = (text: string | undefined): number => (text === 'unlimited' ? Infinity : Number(text))
  return { soft: count(line?.[1]), hard: count(line?.[2]) }
}

/**
 * Lets a process win against other work on the machine. Under autogroups a nice value counts only within a
 * session, so the session of the process is raised as well (sched(7)).
 *
 * @throws Error when this user may not do that
 */
export function raisePriority(pid: number): void {
  try {
    setPriority(pid, -15)
    writeFileSync(`/proc/${pid}/autogroup`, '-15')
  } catch (error) {
    if (isAbsent(error)) return
    throw new Error('--priority needs root', { cause: error })
  }
}

/** Kernels without autogroups have no such file. */
function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
