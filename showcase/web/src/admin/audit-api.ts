import type { Channel } from 'sallyport/client'
import { z } from 'zod'
import { type audit, auditEntry } from '../../../src/audit/contract.ts'
import { request } from '../http/request.ts'

const page = z.object({
  entries: z.array(auditEntry),
  before: z.string().nullable(),
  types: z.array(z.string()),
})

/** The audit's endpoint, opened. */
export type AuditChannel = Channel<typeof audit>
/** One event of the doors. */
export type AuditEntry = z.output<typeof auditEntry>
/** A page of events, the newest first. */
export type AuditPage = z.output<typeof page>

/** Which events are shown; what is empty does not count. */
export interface AuditFilter {
  readonly type: string
  /** A part of name or user name, or an id. */
  readonly person: string
  /** Milliseconds since 1970. */
  readonly from: number | null
  readonly to: number | null
}

/** Shows everything. */
export const noFilter: AuditFilter = { type: '', person: '', from: null, to: null }

/** Reads a page of the audit. @throws Problem */
export function readAudit(
  { type, person, from, to }: AuditFilter,
  before: string | null,
  signal: AbortSignal,
): Promise<AuditPage> {
  const wanted = { type, person, from, to, before }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(wanted))
    if (value !== null && value !== '') query.set(name, String(value))
  return request(`/api/admin/audit?${query.toString()}`, page, { signal })
}

/** Whether an event that has just happened is among those that are shown: as the server would decide. */
export function isShown(entry: AuditEntry, { type, person, from, to }: AuditFilter): boolean {
  if (type !== '' && entry.type !== type) return false
  if ((from !== null && entry.at < from) || (to !== null && entry.at > to)) return false
  const part = person.trim().toLowerCase()
  if (part === '' || entry.subject === person.trim()) return true
  return [entry.name, entry.username].some((name) => name?.toLowerCase().includes(part) === true)
}

const mostShown = 500

/** Entries with new ones among them: each once, the newest first, and no more than can be looked at. */
export function merged(
  entries: readonly AuditEntry[],
  others: readonly AuditEntry[],
  most: number = mostShown,
): readonly AuditEntry[] {
  const known = new Map([...entries, ...others].map((entry) => [entry.id, entry]))
  return [...known.values()].toSorted((one, other) => (one.id < other.id ? 1 : -1)).slice(0, most)
}
