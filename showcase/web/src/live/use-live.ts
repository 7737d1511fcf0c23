import { type Client, client, type Snapshot, ticket } from 'sallyport/client'
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'

/** The channel of an endpoint while its page is shown, and how to open it anew. */
export interface Live<O> {
  /** `null` only until the first effect has run. */
  readonly channel: O | null
  /** Opens it anew, after a denial. */
  readonly reopen: () => void
}

/**
 * Opens an endpoint for as long as the component is there. A fresh single-use ticket is asked for before each attempt.
 *
 * @param open must keep its identity between renders: a new one is opened at once
 */
export function useLive<O>(open: (app: Client) => O): Live<O> {
  const [channel, setChannel] = useState<O | null>(null)
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const app = client({ credentials: ticket('/api/ticket') })
    setChannel(open(app))
    return () => app.close()
  }, [open, attempt])
  return { channel, reopen: useCallback(() => setAttempt((count) => count + 1), []) }
}

/** A channel, as far as its state is shown. */
interface Observable<G> {
  readonly subscribe: (listener: () => void) => () => void
  readonly snapshot: () => Snapshot<G>
}

/** The state of a channel, kept up to date. */
export function useSnapshot<G>({ subscribe, snapshot }: Observable<G>): Snapshot<G> {
  return useSyncExternalStore(subscribe, snapshot)
}
