import { useCallback, useEffect, useRef, useState } from 'react'
import { errorMessage } from '../http/request.ts'
import {
  type AuditEntry,
  type AuditFilter,
  type AuditPage,
  isShown,
  merged,
  type AuditChannel,
  readAudit,
} from './audit-api.ts'

/** The events that are shown, and how to see more of them. */
export interface Audit {
  /** `null` before the first page. */
  readonly entries: readonly AuditEntry[] | null
  readonly types: readonly string[]
  readonly loading: boolean
  readonly failure: string | null
  /** Asks for what came before; `null` where nothing did. */
  readonly loadOlder: (() => Promise<void>) | null
}

type State = Omit<Audit, 'loadOlder'> & Pick<AuditPage, 'before'>

const empty: State = { entries: null, types: [], before: null, loading: true, failure: null }

/**
 * Reads the audit, newest page first, and adds what happens as it happens.
 *
 * @param open whether the line is open: what was missed is read when it comes back
 */
export function useAudit(channel: AuditChannel, open: boolean, filter: AuditFilter): Audit {
  const [state, setState] = useState(empty)
  const current = useRef<AbortController>(null)

  const load = useCallback(
    async (before: string | null, take: (state: State, page: AuditPage) => State) => {
      current.current?.abort()
      const { signal } = (current.current = new AbortController())
      setState((now) => ({ ...now, loading: true, failure: null }))
      try {
        const page = await readAudit(filter, before, signal)
        if (!signal.aborted) setState((now) => ({ ...take(now, page), loading: false }))
      } catch (error) {
        if (!signal.aborted) setState((now) => ({ ...now, loading: false, failure: errorMessage(error) }))
      }
    },
    [filter],
  )

  useEffect(() => {
    setState((now) => ({ ...empty, types: now.types }))
  }, [filter])
  useEffect(() => {
    if (open) void load(null, withNewest)
    return () => current.current?.abort()
  }, [open, load])
  useEffect(
    () =>
      channel.on('happened', ({ entries }) => {
        const shown = entries.filter((entry) => isShown(entry, filter))
        setState((now) => ({
          ...now,
          entries: now.entries === null ? null : merged(now.entries, shown),
          types: [...new Set([...now.types, ...entries.map(({ type }) => type)])].toSorted(),
        }))
      }),
    [channel, filter],
  )

  const { before, ...rest } = state
  const loadOlder = before === null ? null : () => load(before, withOlder)
  return { ...rest, loadOlder }
}

function withNewest(now: State, { entries, before, types }: AuditPage): State {
  return { ...now, entries: merged(now.entries ?? [], entries), before: now.before ?? before, types }
}

function withOlder(now: State, { entries, before, types }: AuditPage): State {
  const known = now.entries ?? []
  // asked for by hand: then there may be as many as it takes
  return { ...now, entries: merged(known, entries, known.length + entries.length), before, types }
}
