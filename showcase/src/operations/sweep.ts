import type { Logger } from 'pino'
import type { AuditLog, AuditRetention } from '../audit/log.ts'
import type { Database } from '../database/database.ts'

const everyMs = 600_000

/** Deletes sessions that have ended. better-auth leaves a session until a request asks for it. */
export async function sweepSessions({ query, kind }: Database, now: Date = new Date()): Promise<void> {
  // SQLite keeps dates as ISO texts, which sort by time
  const before = kind === 'sqlite' ? now.toISOString() : now
  await query.deleteFrom('session').where('expiresAt', '<', before).execute()
}

/** What is swept. */
export interface SweepParts {
  readonly database: Database
  readonly auditLog: Pick<AuditLog, 'sweep'>
  readonly keep: AuditRetention
}

/** Sweeps sessions and audit now and every ten minutes. Answers how to stop. */
export function startSweeping({ database, auditLog, keep }: SweepParts, log: Logger): () => void {
  const sweep = (): void => {
    Promise.all([sweepSessions(database), auditLog.sweep(keep)]).catch((error: unknown) =>
      log.error({ err: error }, 'sweep failed'),
    )
  }
  sweep()
  const timer = setInterval(sweep, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
