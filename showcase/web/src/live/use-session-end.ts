import type { Refusal } from 'sallyport/client'
import { useEffect, useRef } from 'react'
import { sentence } from './connection-words.ts'
import { useSession } from '../session/session.ts'

const leastMs = 5_000

/**
 * Follows the end of a session: a socket that was refused with 401 has the page ask who is signed in, and show the
 * sign-in card with the reason. A user who is still signed in, because the session was only replaced, opens it anew.
 *
 * @param denial why the socket was refused; `null` while it was not
 * @param reopen opens it anew
 */
export function useSessionEnd(denial: Refusal | null, reopen: () => void): void {
  const { ended } = useSession()
  const reason = denial?.status === 401 ? reasonOf(denial) : null
  const reopenedAt = useRef(0)
  useEffect(() => {
    if (reason === null) return
    const follow = async (): Promise<void> => {
      const stillIn = await ended(sentence(reason))
      // not without end, should server and page ever disagree
      if (!stillIn || Date.now() - reopenedAt.current < leastMs) return
      reopenedAt.current = Date.now()
      reopen()
    }
    void follow()
  }, [reason, ended, reopen])
}

/** The message of the server. Without a session the server was not asked: then the reason is that the session has ended. */
function reasonOf({ code, message }: Refusal): string {
  return code === 'signed-out' ? 'your session has ended' : message
}
