import { useEffect } from 'react'
import type { AuditEntry, OpenedAudit } from './audit-api.ts'

/** Many events of one moment are one reason to read again. */
const gatherMs = 250

/**
 * Calls back, soon, when an event has happened that matters.
 *
 * @param matters, then must keep their identity between renders
 */
export function useHappened(
  audit: OpenedAudit,
  matters: (entry: AuditEntry) => boolean,
  then: () => Promise<void>,
): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = audit.on('happened', ({ entries }) => {
      if (entries.some(matters)) timer ??= setTimeout(again, gatherMs)
    })
    const again = (): void => {
      timer = undefined
      void then()
    }
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [audit, matters, then])
}
