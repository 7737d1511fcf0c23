import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { placedOn, generatorCore, serverCore } from '../placement.ts'
import type { Answer, Ask, Attack, Usage } from './messages.ts'

/** The server, in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly number: number
  usage(): Promise<Usage>
  /** Revokes a user there. @returns the receipt */
  revoke(user: string): Promise<object>
}

const execArgv = ['--conditions=sallyport-src', '--no-warnings']

/** Starts the server on its core. */
export async function startServer(): Promise<ServerProcess> {
  const child = started('./server.ts', [], serverCore)
  const ask = async (asked: Ask): Promise<Answer> => {
    const answer = heard<Answer>(child)
    child.send(asked)
    return await answer
  }
  const first = await heard<Answer>(child)
  if (!('number' in first)) throw new Error('the server did not say where it listens')
  return {
    number: first.number,
    async usage() {
      const answer = await ask({ ask: 'usage' })
      if ('of' in answer && answer.of === 'usage') return answer
      throw new Error('the server did not say what it costs')
    },
    async revoke(user) {
      const answer = await ask({ ask: 'revoke', user })
      if ('of' in answer && answer.of === 'revoke') return answer.receipt
      throw new Error('the server did not revoke')
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

/** What an attacker has done. */
export interface AttackCounts {
  readonly sent: number
  readonly errors: number
  /** How often it was closed with each code. */
  readonly closes: Readonly<Record<string, number>>
}

/** An attacker at work: when it has begun, and what it has done at its end. */
export interface Attacker {
  readonly begun: Promise<unknown>
  readonly counts: Promise<AttackCounts>
}

/** Runs an attacker to its end. It yields to the strangers, who are measured on the same core. */
export function attacked(attack: Attack): Attacker {
  const child = started('./attacker.ts', [JSON.stringify(attack)], generatorCore)
  if (child.pid !== undefined) setPriority(child.pid, 15)
  const begun = heard<'begun'>(child)
  return { begun, counts: begun.then(() => heard<AttackCounts>(child)) }
}

function started(file: string, args: readonly string[], core: number): ChildProcess {
  const [command, ...before] = placedOn(core)
  const path = new URL(file, import.meta.url).pathname
  // `fork` starts what `execPath` names: the program that puts Node on its core
  return fork(path, args, { execPath: command, execArgv: [...before, process.execPath, ...execArgv] })
}

async function heard<T>(child: ChildProcess): Promise<T> {
  // our own programs send nothing else
  const [told] = (await once(child, 'message')) as [T]
  return told
}
