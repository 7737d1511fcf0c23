import type { Snapshot, State } from '../../src/client/index.ts'

interface Seen {
  readonly snapshot: () => Snapshot
  readonly subscribe: (listener: () => void) => () => void
}

/** Settles with the first snapshot, from now on, that is in this state and fits. */
export function until(
  seen: Seen,
  state: State,
  fits: (snapshot: Snapshot) => boolean = () => true,
): Promise<Snapshot> {
  return new Promise((resolve) => {
    const look = (): boolean => {
      const now = seen.snapshot()
      if (now.state !== state || !fits(now)) return false
      resolve(now)
      return true
    }
    if (look()) return
    const stop = seen.subscribe(() => {
      if (look()) stop()
    })
  })
}
