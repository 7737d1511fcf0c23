import { client, ticket } from 'sallyport/client'
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import { chat } from '../../../src/contracts.ts'
import type { ChatSnapshot, OpenedChat } from './contract.ts'

/** A room while its page is shown, and how to knock again. */
export interface Room {
  /** `null` only until the first effect has run. */
  readonly opened: OpenedChat | null
  /** Opens it anew, after a denial. */
  readonly again: () => void
}

/** Opens a room for as long as the component is there. A fresh single-use ticket is asked for before each attempt. */
export function useOpened(room: string): Room {
  const [opened, setOpened] = useState<OpenedChat | null>(null)
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const app = client({ credentials: ticket('/api/ticket') })
    setOpened(app.open(chat, { room }))
    return () => app.close()
  }, [room, attempt])
  return { opened, again: useCallback(() => setAttempt((count) => count + 1), []) }
}

/** What can be seen of a room, kept up to date. */
export function useSnapshot({ subscribe, snapshot }: OpenedChat): ChatSnapshot {
  return useSyncExternalStore(subscribe, snapshot)
}
