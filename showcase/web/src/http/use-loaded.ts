import { useCallback, useEffect, useRef, useState } from 'react'
import { errorMessage } from './request.ts'

/** Something that is read from the server, and read again when the page is looked at again. */
export interface Loaded<T> {
  /** The last answer; `null` before the first. */
  readonly value: T | null
  /** Why the last reading has failed; `null` when it has not. */
  readonly failure: string | null
  readonly reload: () => Promise<void>
}

/**
 * Reads something now and whenever the page comes to the front. An older reading never overwrites a newer one.
 *
 * @param read must keep its identity between renders (`useCallback`): a new one is read at once
 */
export function useLoaded<T>(read: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; failure: string | null }>({
    value: null,
    failure: null,
  })
  const current = useRef<AbortController>(null)

  const reload = useCallback(async () => {
    current.current?.abort()
    const { signal } = (current.current = new AbortController())
    try {
      const value = await read(signal)
      if (!signal.aborted) setState({ value, failure: null })
    } catch (error) {
      if (!signal.aborted) setState(({ value }) => ({ value, failure: errorMessage(error) }))
    }
  }, [read])

  useEffect(() => {
    const onVisible = (): void => {
      if (document.visibilityState === 'visible') void reload()
    }
    void reload()
    document.addEventListener('visibilitychange', onVisible)
    return () => {
      document.removeEventListener('visibilitychange', onVisible)
      current.current?.abort()
    }
  }, [reload])

  return { ...state, reload }
}
