import { useCallback, useEffect, useRef, useState } from 'react'
import type { OpenedChat } from './contract.ts'

/** How long a person counts as typing after the last sign of it. */
const shownMs = 4_000
/** How often the others are told. */
const toldMs = 2_000

/** Who is typing, and how to tell that one is typing oneself. */
export interface Typing {
  /** Names, in the order in which they began. */
  readonly typers: readonly string[]
  readonly tell: () => void
}

/** Lists the people who are typing in a room. A sent message ends the typing, also one's own. @param me one's own id */
export function useTyping(opened: OpenedChat, me: string): Typing {
  const [typers, setTypers] = useState<ReadonlyMap<string, string>>(new Map())
  const lastTold = useRef(-Infinity)

  useEffect(() => {
    const timers = new Map<string, ReturnType<typeof setTimeout>>()
    const stop = (by: string): void => {
      clearTimeout(timers.get(by))
      timers.delete(by)
      setTypers((all) => new Map([...all].filter(([one]) => one !== by)))
    }
    const start = ({ by, from }: { readonly by: string; readonly from: string }): void => {
      clearTimeout(timers.get(by))
      timers.set(
        by,
        setTimeout(() => stop(by), shownMs),
      )
      setTypers((all) => new Map([...all, [by, from]]))
    }
    const said = ({ by }: { readonly by: string }): void => {
      stop(by)
      // the next message is typed anew, and told at once
      if (by === me) lastTold.current = -Infinity
    }
    const ends = [opened.on('typing', start), opened.on('said', said)]
    return () => {
      for (const end of ends) end()
      for (const timer of timers.values()) clearTimeout(timer)
    }
  }, [opened, me])

  const tell = useCallback(() => {
    const now = performance.now()
    if (opened.state !== 'open' || now - lastTold.current < toldMs) return
    lastTold.current = now
    // a courtesy: when it does not get through, the message itself will say more
    opened.send('typing', {}).catch(() => undefined)
  }, [opened])

  return { typers: [...typers.values()], tell }
}
