import { type AuditEvent, auditEvent } from './event.ts'
import type { AuditRow, Database } from '../database/database.ts'
import { timeIds } from '../database/time-ids.ts'
import { networkPrefix } from '../http/client-address.ts'

/** Writes events to the database in the background. */
export interface AuditWriter {
  /** Takes an event and returns at once; it never throws. The events of every single message are left out. */
  record(event: { readonly type: string }): void
  /** Settles when all recorded events are written, or could not be. */
  flush(): Promise<void>
  /** Writes the rest once, and tries no more. */
  close(): Promise<void>
}

/** What a writer is made with. */
export interface AuditWriterOptions {
  /** Called with the rows that were written, in order. */
  readonly onWritten?: (rows: readonly AuditRow[]) => void
  /** Called when the database did not take a batch, which is written again later. */
  readonly onError?: (error: unknown) => void
  /** How long events may be gathered; 100 ms. */
  readonly batchDelayMs?: number
  /** How many events may wait; 5,000. Beyond it they are only counted. */
  readonly maxWaiting?: number
  /** How many events of one type from one network are kept a minute; 300. Beyond it they are only counted. */
  readonly perMinute?: number
  readonly now?: () => number
}

const batchRows = 200
const retryMs = 1_000
/** Told of every message that is sent: that is no matter of access. */
const ignoredTypes: ReadonlySet<string> = new Set(['sent'])

/** One writer for a server. Rows are inserted in batches, one at a time, so that a flood costs one query for many. */
export function auditWriter({ query }: Database, options: AuditWriterOptions = {}): AuditWriter {
  const {
    onWritten = () => {},
    onError = () => {},
    batchDelayMs = 100,
    maxWaiting = 5_000,
    now = Date.now,
  } = options
  const ids = timeIds(now)
  const thinned = thinning(options.perMinute ?? 300, options.now ?? (() => performance.now()))
  let waiting: AuditRow[] = []
  let lost = 0
  let writing: Promise<void> | null = null
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const add = (event: AuditEvent): void => {
    if (waiting.length < maxWaiting)
      waiting.push({ ...event, id: ids().id, detail: JSON.stringify(event.detail) })
    else lost += 1
  }

  /** @returns whether the database took it */
  const insert = async (rows: readonly AuditRow[]): Promise<boolean> => {
    try {
      await query.insertInto('audit').values(rows).execute()
      return true
    } catch (error) {
      onError(error)
      return false
    }
  }

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const rows = waiting.slice(0, batchRows)
      if (!(await insert(rows))) return schedule(retryMs)
      waiting = waiting.slice(rows.length)
      if (lost > 0) {
        add(auditEvent({ type: 'audit-lost', count: lost } as { type: string }))
        lost = 0
      }
      onWritten(rows)
    }
  }

  const schedule = (ms: number): void => {
    if (!closed) timer ??= setTimeout(() => void write(), ms).unref()
  }

  const write = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing ??= writeAll().finally(() => {
      writing = null
    })
    return writing
  }

  const flush = async (): Promise<void> => {
    await write()
    // what was recorded while a batch was on its way
    if (waiting.length > 0) await write()
  }

  return {
    record(event) {
      if (ignoredTypes.has(event.type)) return
      const entry = auditEvent(event)
      for (const one of thinned(entry)) add(one)
      schedule(batchDelayMs)
    },
    flush,
    close() {
      closed = true
      return flush()
    },
  }
}

/**
 * Bounds the events of one type from one network, so that one network cannot fill the disk or drown the events of others.
 * Events that are left out are counted. An event of its own tells their number in the next minute.
 */
function thinning(perMinute: number, now: () => number): (event: AuditEvent) => readonly AuditEvent[] {
  let counts = new Map<string, { count: number; readonly type: string; readonly address: string | null }>()
  let ends = 0
  return (event) => {
    const over: AuditEvent[] = []
    if (now() >= ends) {
      for (const { count, type, address } of counts.values()) {
        if (count > perMinute) over.push(thinnedEvent(type, address, count - perMinute))
      }
      counts = new Map()
      ends = now() + 60_000
    }
    const address = event.address === null ? null : networkPrefix(event.address)
    const key = `${event.type} ${address}`
    const known = counts.get(key) ?? { count: 0, type: event.type, address }
    known.count += 1
    // the number of networks is bounded too: beyond it each event counts as its own
    if (counts.size < 10_000) counts.set(key, known)
    return known.count > perMinute ? over : [...over, event]
  }
}

function thinnedEvent(of: string, address: string | null, count: number): AuditEvent {
  return { ...auditEvent({ type: 'audit-thinned' }), address, detail: { of, count } }
}
