import { type Client, client, type Snapshot, ticket } from 'sallyport/client'
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'

/** An endpoint while its page is shown, and how to knock again. */
export interface Live<O> {
  /** `null` only until the first effect has run. */
  readonly opened: O | null
  /** Opens it anew, after a denial. */
  readonly again: () => void
}

/**
 * Opens an endpoint for as long as the component is there. A fresh single-use ticket is asked for before each attempt.
 *
 * @param open must keep its identity between renders: a new one is opened at once
 */
export function useLive<O>(open: (app: Client) => O): Live<O> {
  const [opened, setOpened] = useState<O | null>(null)
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const app = client({ credentials: ticket('/api/ticket') })
    setOpened(open(app))
    return () => app.close()
  }, [open, attempt])
  return { opened, again: useCallback(() => setAttempt((count) => count + 1), []) }
}

/** What of an opened endpoint can be seen. */
interface Seen<G> {
  readonly subscribe: (listener: () => void) => () => void
  readonly snapshot: () => Snapshot<G>
}

/** What can be seen of an endpoint, kept up to date. */
export function useSnapshot<G>({ subscribe, snapshot }: Seen<G>): Snapshot<G> {
  return useSyncExternalStore(subscribe, snapshot)
}
