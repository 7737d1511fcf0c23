import type { Logger } from 'pino'
import { type Messenger, SallyportError } from 'sallyport'
import { type AuditLog, auditLog } from './log.ts'
import { type AuditWriter, auditWriter } from './writer.ts'
import { audit } from './contract.ts'
import type { AuditRow, Database } from '../database/database.ts'

/** The log of events, and the writer that adds to it and sends new events to the consoles. */
export interface AuditTrail {
  readonly log: AuditLog
  readonly writer: AuditWriter
}

const entriesPerMessage = 50

/**
 * Writes events to the database, and then sends them to the sockets at `/ws/admin/audit`.
 *
 * @param server asked for when there is something to send; it takes its events from here, and is made later
 */
export function auditTrail(
  database: Database,
  { server, log }: { readonly server: () => Pick<Messenger, 'group'>; readonly log: Logger },
): AuditTrail {
  const entries = auditLog(database)
  const broadcast = async (rows: readonly AuditRow[]): Promise<void> => {
    const entriesWithNames = await entries.named(rows)
    for (let from = 0; from < entriesWithNames.length; from += entriesPerMessage)
      await server()
        .group(audit)
        .send('happened', { entries: entriesWithNames.slice(from, from + entriesPerMessage) })
  }
  const writer = auditWriter(database, {
    onWritten: (rows) => {
      broadcast(rows).catch((error: unknown) => {
        // what is kept while the server stops has no console to hear it any more
        if (!isClosed(error)) log.error({ err: error }, 'audit not told')
      })
    },
    onError: (error) => log.error({ err: error }, 'audit not kept yet'),
  })
  return { log: entries, writer }
}

function isClosed(error: unknown): boolean {
  return error instanceof SallyportError && error.code === 'ERR_CLOSED'
}
