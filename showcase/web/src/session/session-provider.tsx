import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react'
import { wordsOf } from '../http/request.ts'
import { type Session, SessionContext } from './session.ts'
import { whoIsSignedIn } from './session-api.ts'

/** Tells the other tabs of this browser that somebody has signed in or out. */
const tabs = new BroadcastChannel('sallyport-session')

/** Knows who is signed in, also after it has changed in another tab. */
export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [state, setState] = useState<Pick<Session, 'user' | 'failure'>>({ user: undefined, failure: null })

  const ask = useCallback(async () => {
    try {
      setState({ user: await whoIsSignedIn(), failure: null })
    } catch (error) {
      // who was signed in a moment ago stays so: a server that restarts signs nobody out
      setState(({ user }) => ({ user, failure: wordsOf(error) }))
    }
  }, [])
  const changed = useCallback(async () => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target origin: it is same-origin
    tabs.postMessage('changed')
    await ask()
  }, [ask])

  useEffect(() => {
    const heard = (): void => void ask()
    tabs.addEventListener('message', heard)
    heard()
    return () => tabs.removeEventListener('message', heard)
  }, [ask])

  const session = useMemo(() => ({ ...state, changed }), [state, changed])
  return <SessionContext value={session}>{children}</SessionContext>
}
