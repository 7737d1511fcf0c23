import type { Logger } from 'pino'
import { type Messenger, SallyportError } from 'sallyport'
import { type AuditLog, auditLog } from './log.ts'
import { type AuditWriter, auditWriter } from './writer.ts'
import { audit } from './contract.ts'
import type { AuditRow, Database } from '../database/database.ts'

/** What is kept of what happens, and told to the consoles that look on. */
export interface AuditTrail {
  readonly log: AuditLog
  readonly writer: AuditWriter
}

const entriesPerMessage = 50

/**
 * Keeps what is noted, and then sends it to everyone at `/ws/admin/audit`: what a console shows is in the database.
 *
 * @param port asked for when there is something to send; it takes its events from here, and is made later
 */
export function auditTrail(
  database: Database,
  { port, log }: { readonly port: () => Pick<Messenger, 'group'>; readonly log: Logger },
): AuditTrail {
  const entries = auditLog(database)
  const tell = async (rows: readonly AuditRow[]): Promise<void> => {
    const named = await entries.named(rows)
    for (let from = 0; from < named.length; from += entriesPerMessage)
      await port()
        .group(audit)
        .send('happened', { entries: named.slice(from, from + entriesPerMessage) })
  }
  const writer = auditWriter(database, {
    kept: (rows) => {
      tell(rows).catch((error: unknown) => {
        // what is kept while the server stops has no console to hear it any more
        if (!isClosed(error)) log.error({ err: error }, 'audit not told')
      })
    },
    failed: (error) => log.error({ err: error }, 'audit not kept yet'),
  })
  return { log: entries, writer }
}

function isClosed(error: unknown): boolean {
  return error instanceof SallyportError && error.code === 'ERR_CLOSED'
}
