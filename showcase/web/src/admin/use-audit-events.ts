import { useEffect } from 'react'
import type { AuditEntry, AuditChannel } from './audit-api.ts'

/** Many events of one moment are one reason to read again. */
const batchMs = 250

/**
 * Calls back, soon, when an event has happened that is relevant.
 *
 * @param isRelevant, onEvents must keep their identity between renders
 */
export function useAuditEvents(
  audit: AuditChannel,
  isRelevant: (entry: AuditEntry) => boolean,
  onEvents: () => Promise<void>,
): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = audit.on('happened', ({ entries }) => {
      if (entries.some(isRelevant)) timer ??= setTimeout(callBack, batchMs)
    })
    const callBack = (): void => {
      timer = undefined
      void onEvents()
    }
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [audit, isRelevant, onEvents])
}
