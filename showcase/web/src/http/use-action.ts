import { useCallback, useRef, useState } from 'react'
import { wordsOf } from './request.ts'

/** Something that a person sets off: whether it runs, and why it has failed. */
export interface Action {
  readonly busy: boolean
  readonly failure: string | null
  /** Runs it unless something runs already. @returns whether it has succeeded */
  readonly run: (work: () => Promise<unknown>) => Promise<boolean>
}

/** The state of one button or form that asks the server. */
export function useAction(): Action {
  const [state, setState] = useState({ busy: false, failure: null as string | null })
  const running = useRef(false)
  const run = useCallback(async (work: () => Promise<unknown>): Promise<boolean> => {
    if (running.current) return false
    running.current = true
    setState({ busy: true, failure: null })
    const failure = await work().then(
      () => null,
      (error: unknown) => wordsOf(error),
    )
    running.current = false
    setState({ busy: false, failure })
    return failure === null
  }, [])
  return { ...state, run }
}
