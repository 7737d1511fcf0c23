import type { Logger } from 'pino'
import type { Database } from './database.ts'

const everyMs = 3_600_000

/** Deletes sessions that have ended. better-auth leaves them until somebody asks for one. */
export async function sweepSessions({ query, kind }: Database, now: Date = new Date()): Promise<void> {
  // SQLite keeps dates as ISO texts, which sort by time
  const before = kind === 'sqlite' ? now.toISOString() : now
  await query.deleteFrom('session').where('expiresAt', '<', before).execute()
}

/** Sweeps now and once an hour. Answers how to stop. */
export function sweeping(database: Database, log: Logger): () => void {
  const sweep = (): void => {
    sweepSessions(database).catch((error: unknown) => log.error({ err: error }, 'sweep failed'))
  }
  sweep()
  const timer = setInterval(sweep, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
