import type { Refusal } from 'sallyport/client'
import { useEffect, useRef } from 'react'
import { sentence } from '../chat/connection-words.ts'
import { useSession } from '../session/session.ts'

const leastMs = 5_000

/**
 * Follows the end of a session: a socket that was refused with 401 has the page ask who is signed in, and show the
 * first door with the reason. Who still is, because the session was only replaced, knocks again.
 *
 * @param denial why the socket was refused; `null` while it was not
 * @param again opens it anew
 */
export function useFarewell(denial: Refusal | null, again: () => void): void {
  const { ended } = useSession()
  const reason = denial?.status === 401 ? reasonOf(denial) : null
  const knockedAt = useRef(0)
  useEffect(() => {
    if (reason === null) return
    const follow = async (): Promise<void> => {
      const stillIn = await ended(sentence(reason))
      // not in circles, should server and page ever be of two minds
      if (!stillIn || Date.now() - knockedAt.current < leastMs) return
      knockedAt.current = Date.now()
      again()
    }
    void follow()
  }, [reason, ended, again])
}

/** The message of the server. Without a session the server was not asked: then the reason is that the session has ended. */
function reasonOf({ code, message }: Refusal): string {
  return code === 'signed-out' ? 'your session has ended' : message
}
