import { createContext, useContext } from 'react'
import type { User } from './session-api.ts'

/** Whether somebody is signed in on this browser, and how to ask again. */
export interface Session {
  /** `undefined` until the server has answered. */
  readonly user: User | null | undefined
  /** Why it is not known; `null` when it is. */
  readonly failure: string | null
  /** Asks the server again; other tabs do the same. */
  readonly changed: () => Promise<void>
}

/** Carries the session to every component. */
export const SessionContext = createContext<Session | null>(null)

/** @throws TypeError outside a SessionProvider */
export function useSession(): Session {
  const session = useContext(SessionContext)
  if (session === null) throw new TypeError('useSession belongs inside a SessionProvider')
  return session
}
