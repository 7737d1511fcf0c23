import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Order, Told } from './orders.ts'

/** A server process that was started for one measurement. */
export interface House {
  readonly number: number
  /** Revokes a user there: when that was called, how long its receipt took, and how many sockets it says it has closed. */
  revoke(
    user: string,
  ): Promise<{ readonly calledAt: bigint; readonly tookMs: number; readonly closed: number }>
  stop(): Promise<void>
}

/** Starts the server in a process of its own. */
export async function startHouse(): Promise<House> {
  const child = fork(new URL('./server.ts', import.meta.url), { execArgv: ['--conditions=sallyport-src'] })
  const first = await heard(child)
  if (!('number' in first)) throw new Error('the server did not say where it listens')
  return {
    number: first.number,
    async revoke(user) {
      const answer = heard(child)
      child.send({ revoke: user } satisfies Order)
      const told = await answer
      if (!('calledAt' in told)) throw new Error('the server did not answer a revocation')
      return { ...told, calledAt: BigInt(told.calledAt) }
    },
    async stop() {
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

async function heard(child: ChildProcess): Promise<Told> {
  // our own server sends nothing else
  const [told] = (await once(child, 'message')) as [Told]
  return told
}
