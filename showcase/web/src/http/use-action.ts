import { useCallback, useRef, useState } from 'react'
import { errorMessage } from './request.ts'

/** The state of something that a person sets off. */
export interface ActionState {
  readonly busy: boolean
  /** Why the last run has failed; `null` when it has not. */
  readonly failure: string | null
  /** What the last run has done, where it answered with words. */
  readonly done: string | null
}

/** Something that a person sets off. */
export interface Action extends ActionState {
  /** Runs it unless something runs already. @returns whether it has succeeded */
  readonly run: (work: () => Promise<string | void>) => Promise<boolean>
}

/** The state of one button or form that asks the server. */
export function useAction(): Action {
  const [state, setState] = useState<ActionState>({ busy: false, failure: null, done: null })
  const running = useRef(false)
  const run = useCallback(async (work: () => Promise<string | void>): Promise<boolean> => {
    if (running.current) return false
    running.current = true
    setState({ busy: true, failure: null, done: null })
    const result = await work().then(
      (words) => ({ failure: null, done: words ?? null }),
      (error: unknown) => ({ failure: errorMessage(error), done: null }),
    )
    running.current = false
    setState({ busy: false, ...result })
    return result.failure === null
  }, [])
  return { ...state, run }
}
