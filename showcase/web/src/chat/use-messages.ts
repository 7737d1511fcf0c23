import { useCallback, useEffect, useRef, useState } from 'react'
import type { ChatSnapshot, ChatChannel } from './contract.ts'
import { emptyLog, type MessageLog, newestOf, withLatest, withNew, withOlder } from './message-log.ts'
import { sendingFailure } from './sending-failure.ts'

/** What was said in a room, as far as it is known here. */
export interface Messages extends MessageLog {
  readonly loading: boolean
  /** Why a page of the history did not come. */
  readonly failure: string | null
  /** Asks for the page before the first message. */
  readonly loadOlder: () => Promise<void>
}

/** Hears what is said, and reads the history: its latest page whenever a line opens, older ones when asked. */
export function useMessages(channel: ChatChannel, state: ChatSnapshot['state']): Messages {
  const [log, setLog] = useState(emptyLog)
  const [loading, setLoading] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  const now = useRef(log)

  const change = useCallback((next: MessageLog) => setLog((now.current = next)), [])

  const load = useCallback(
    async (before: string | undefined, take: (page: Awaited<ReturnType<typeof history>>) => MessageLog) => {
      setLoading(true)
      setFailure(null)
      try {
        change(take(await history(channel, before)))
      } catch (error) {
        setFailure(`The messages did not come: ${sendingFailure(error)}`)
      }
      setLoading(false)
    },
    [change, channel],
  )

  useEffect(() => channel.on('said', (message) => change(withNew(now.current, message))), [change, channel])
  useEffect(() => {
    if (state !== 'open') return
    const newest = newestOf(now.current)
    void load(undefined, (page) => withLatest(now.current, page, newest))
  }, [load, state])

  const loadOlder = useCallback(
    () => load(now.current.messages[0]?.id, (page) => withOlder(now.current, page)),
    [load],
  )
  return { ...log, loading, failure, loadOlder }
}

function history(channel: ChatChannel, before: string | undefined): ReturnType<ChatChannel['call']> {
  return channel.call('history', before === undefined ? {} : { before })
}
