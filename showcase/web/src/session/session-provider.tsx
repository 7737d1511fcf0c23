import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react'
import { errorMessage } from '../http/request.ts'
import { renewal, type TabMessage } from './renewal.ts'
import { type Session, SessionContext } from './session.ts'
import { readUser } from './session-api.ts'

/** Tells the other tabs of this browser that the user has signed in or out, or is about to have a new session. */
const tabs = new BroadcastChannel('sallyport-session')
const newSession = renewal()

function notifyTabs(message: TabMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target origin: it is same-origin
  tabs.postMessage(message)
}

type State = Pick<Session, 'user' | 'failure' | 'endReason'>

/** Knows who is signed in, also after it has changed in another tab. */
export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [state, setState] = useState<State>({ user: undefined, failure: null, endReason: null })

  const reload = useCallback(async (reason: string | null = null): Promise<boolean> => {
    try {
      const user = await readUser()
      setState(({ endReason }) => ({
        user,
        failure: null,
        endReason: user === null ? (reason ?? endReason) : null,
      }))
      return user !== null
    } catch (error) {
      // a user who was signed in a moment ago stays so: a server that restarts does not sign users out
      setState((before) => ({ ...before, failure: errorMessage(error) }))
      return false
    }
  }, [])
  const changed = useCallback(async () => {
    notifyTabs('changed')
    newSession.end()
    await reload()
  }, [reload])
  const ended = useCallback(
    async (reason: string) => {
      await newSession.settled()
      return await reload(reason)
    },
    [reload],
  )
  const renewing = useCallback(
    async (work: () => Promise<void>) => {
      notifyTabs('renewing')
      newSession.begin()
      await work().finally(changed)
    },
    [changed],
  )

  useEffect(() => {
    const onMessage = ({ data }: MessageEvent<TabMessage>): void => {
      if (data === 'renewing') return newSession.begin()
      newSession.end()
      void reload()
    }
    tabs.addEventListener('message', onMessage)
    void reload()
    return () => tabs.removeEventListener('message', onMessage)
  }, [reload])

  const session = useMemo(() => ({ ...state, changed, ended, renewing }), [state, changed, ended, renewing])
  return <SessionContext value={session}>{children}</SessionContext>
}
