import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react'
import { wordsOf } from '../http/request.ts'
import { renewal, type TabMessage } from './renewal.ts'
import { type Session, SessionContext } from './session.ts'
import { whoIsSignedIn } from './session-api.ts'

/** Tells the other tabs of this browser that the user has signed in or out, or is about to have a new session. */
const tabs = new BroadcastChannel('sallyport-session')
const newSession = renewal()

function tell(message: TabMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target origin: it is same-origin
  tabs.postMessage(message)
}

type State = Pick<Session, 'user' | 'failure' | 'farewell'>

/** Knows who is signed in, also after it has changed in another tab. */
export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [state, setState] = useState<State>({ user: undefined, failure: null, farewell: null })

  const ask = useCallback(async (reason: string | null = null): Promise<boolean> => {
    try {
      const user = await whoIsSignedIn()
      setState(({ farewell }) => ({
        user,
        failure: null,
        farewell: user === null ? (reason ?? farewell) : null,
      }))
      return user !== null
    } catch (error) {
      // a user who was signed in a moment ago stays so: a server that restarts does not sign users out
      setState((before) => ({ ...before, failure: wordsOf(error) }))
      return false
    }
  }, [])
  const changed = useCallback(async () => {
    tell('changed')
    newSession.end()
    await ask()
  }, [ask])
  const ended = useCallback(
    async (reason: string) => {
      await newSession.settled()
      return await ask(reason)
    },
    [ask],
  )
  const renewing = useCallback(
    async (work: () => Promise<void>) => {
      tell('renewing')
      newSession.begin()
      await work().finally(changed)
    },
    [changed],
  )

  useEffect(() => {
    const heard = ({ data }: MessageEvent<TabMessage>): void => {
      if (data === 'renewing') return newSession.begin()
      newSession.end()
      void ask()
    }
    tabs.addEventListener('message', heard)
    void ask()
    return () => tabs.removeEventListener('message', heard)
  }, [ask])

  const session = useMemo(() => ({ ...state, changed, ended, renewing }), [state, changed, ended, renewing])
  return <SessionContext value={session}>{children}</SessionContext>
}
