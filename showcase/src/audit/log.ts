import type { z } from 'zod'
import { contains } from '../database/contains.ts'
import type { auditEntry } from './contract.ts'
import type { AuditRow, Database } from '../database/database.ts'
import { idAt } from '../database/time-ids.ts'

/** One event as it is shown: with the name of the person it is about. */
export type AuditEntry = z.output<typeof auditEntry>

/** Which events; all that is named must hold. */
export interface AuditFilter {
  readonly type?: string | undefined
  /** A part of the name or the user name, or the whole id, of the person the event is about. */
  readonly person?: string | undefined
  /** Milliseconds since 1970, both included. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** The id of an entry: only what came before it. */
  readonly before?: string | undefined
}

/** A page of events, the newest first. */
export interface AuditPage {
  readonly entries: readonly AuditEntry[]
  /** Give it as `before` for the page of what came earlier; `null` on the last one. */
  readonly before: string | null
}

/** What was kept of what happened. */
export interface AuditLog {
  page(filter: AuditFilter): Promise<AuditPage>
  /** The rows with the names of the people they are about. */
  named(rows: readonly AuditRow[]): Promise<readonly AuditEntry[]>
  /** The types that there are events of. */
  types(): Promise<readonly string[]>
  /** Deletes what is older than so long, and the oldest beyond so many. */
  sweep(keep: AuditRetention, now?: number): Promise<void>
}

/** How much is kept. */
export interface AuditRetention {
  readonly days: number
  readonly rows: number
}

/** The most events that one page holds. */
export const auditPageSize = 50

/** The audit in the database. */
export function auditLog({ query }: Database): AuditLog {
  const people = () =>
    query
      .selectFrom('audit')
      .leftJoin('user', 'user.id', 'audit.subject')
      .selectAll('audit')
      .select(['user.name', 'user.username'])

  return {
    async page({ type, person = '', from, to, before }) {
      const rows = await people()
        .$if(type !== undefined, (q) => q.where('audit.type', '=', type ?? ''))
        .$if(person !== '', (q) =>
          q.where((e) => e.or([e('audit.subject', '=', person), e('audit.subject', 'in', meant(person))])),
        )
        .$if(from !== undefined, (q) => q.where('audit.id', '>=', idAt(from ?? 0)))
        .$if(to !== undefined, (q) => q.where('audit.id', '<', idAt((to ?? 0) + 1)))
        .$if(before !== undefined, (q) => q.where('audit.id', '<', before ?? ''))
        .orderBy('audit.id', 'desc')
        .limit(auditPageSize + 1)
        .execute()
      const entries = rows.slice(0, auditPageSize).map(entryOf)
      return { entries, before: rows.length > auditPageSize ? (entries.at(-1)?.id ?? null) : null }
    },
    async named(rows) {
      const ids = [...new Set(rows.flatMap(({ subject }) => subject ?? []))]
      const found =
        ids.length === 0
          ? []
          : await query.selectFrom('user').select(['id', 'name', 'username']).where('id', 'in', ids).execute()
      const known = new Map(found.map((user) => [user.id, user]))
      return rows.map((row) => entryOf({ ...row, ...nameOf(known.get(row.subject ?? '')) }))
    },
    async types() {
      const rows = await query.selectFrom('audit').select('type').distinct().orderBy('type').execute()
      return rows.map(({ type }) => type)
    },
    async sweep({ days, rows }, now = Date.now()) {
      await query
        .deleteFrom('audit')
        .where('id', '<', idAt(Math.max(0, now - days * 86_400_000)))
        .execute()
      const last = query.selectFrom('audit').select('id').orderBy('id', 'desc').offset(rows).limit(1)
      const beyond = await last.executeTakeFirst()
      if (beyond !== undefined) await query.deleteFrom('audit').where('id', '<=', beyond.id).execute()
    },
  }

  function meant(person: string) {
    return query
      .selectFrom('user')
      .select('user.id')
      .where((e) => e.or([contains(e.ref('user.name'), person), contains(e.ref('user.username'), person)]))
  }
}

type NamedRow = AuditRow & { readonly name: string | null; readonly username: string | null }

function nameOf(user: { name: string; username: string | null } | undefined): Omit<NamedRow, keyof AuditRow> {
  return { name: user?.name ?? null, username: user?.username ?? null }
}

function entryOf({ detail, ...row }: NamedRow): AuditEntry {
  // written by `auditWriter`, which keeps JSON objects alone
  const rest = JSON.parse(detail) as Record<string, unknown>
  return { ...row, at: Number.parseInt(row.id.slice(0, 12), 16), detail: rest }
}
