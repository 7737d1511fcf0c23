import { createContext, useContext } from 'react'
import type { User } from './session-api.ts'

/** The user who is signed in on this browser, and how to ask again. */
export interface Session {
  /** `undefined` until the server has answered. */
  readonly user: User | null | undefined
  /** Why it is not known; `null` when it is. */
  readonly failure: string | null
  /** Why the user is no longer signed in, when a socket has said so. */
  readonly endReason: string | null
  /** Asks the server again; other tabs do the same. */
  readonly changed: () => Promise<void>
  /**
   * A socket was ended with 401, for this reason: asks the server who is signed in. A new session may be on its way,
   * as after a changed password: then it is waited for.
   *
   * @returns whether a user is still signed in
   */
  readonly ended: (reason: string) => Promise<boolean>
  /** Runs what gives this browser a new session in place of the one it has; all tabs wait for it. */
  readonly renewing: (work: () => Promise<void>) => Promise<void>
}

/** Carries the session to every component. */
export const SessionContext = createContext<Session | null>(null)

/** @throws TypeError outside a SessionProvider */
export function useSession(): Session {
  const session = useContext(SessionContext)
  if (session === null) throw new TypeError('useSession belongs inside a SessionProvider')
  return session
}
