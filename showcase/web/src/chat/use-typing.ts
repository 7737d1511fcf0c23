import { useCallback, useEffect, useRef, useState } from 'react'
import type { ChatChannel } from './contract.ts'

/** How long a person counts as typing after the last sign of it. */
const shownMs = 4_000
/** How often the others are told. */
const notifyEveryMs = 2_000

/** The people who are typing, and how to tell them that the user types too. */
export interface Typing {
  /** Names, in the order in which they began. */
  readonly names: readonly string[]
  readonly notify: () => void
}

/** Lists the people who are typing in a room. A sent message ends the typing, also one's own. @param me one's own id */
export function useTyping(channel: ChatChannel, me: string): Typing {
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map())
  const lastNotified = useRef(-Infinity)

  useEffect(() => {
    const timers = new Map<string, ReturnType<typeof setTimeout>>()
    const stop = (by: string): void => {
      clearTimeout(timers.get(by))
      timers.delete(by)
      setNames((all) => new Map([...all].filter(([one]) => one !== by)))
    }
    const start = ({ by, from }: { readonly by: string; readonly from: string }): void => {
      clearTimeout(timers.get(by))
      timers.set(
        by,
        setTimeout(() => stop(by), shownMs),
      )
      setNames((all) => new Map([...all, [by, from]]))
    }
    const said = ({ by }: { readonly by: string }): void => {
      stop(by)
      // the next message is typed anew, and told at once
      if (by === me) lastNotified.current = -Infinity
    }
    const ends = [channel.on('typing', start), channel.on('said', said)]
    return () => {
      for (const end of ends) end()
      for (const timer of timers.values()) clearTimeout(timer)
    }
  }, [channel, me])

  const notify = useCallback(() => {
    const now = performance.now()
    if (channel.state !== 'open' || now - lastNotified.current < notifyEveryMs) return
    lastNotified.current = now
    // a courtesy: when it does not get through, the message itself will say more
    channel.send('typing', {}).catch(() => undefined)
  }, [channel])

  return { names: [...names.values()], notify }
}
