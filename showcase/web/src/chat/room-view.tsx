import { type ReactNode, useCallback, useEffect, useState } from 'react'
import { chat } from '../../../src/chat/contract.ts'
import type { User } from '../session/session-api.ts'
import { useSessionEnd } from '../live/use-session-end.ts'
import { useLive, useSnapshot } from '../live/use-live.ts'
import { Composer } from './composer.tsx'
import type { ChatChannel } from './contract.ts'
import { RoomDenied } from './room-denied.tsx'
import { RoomHeader } from './room-header.tsx'
import { RoomInside } from './room-inside.tsx'

/** What a room's page is given. */
export interface RoomViewProps {
  readonly room: string
  /** What the list calls it; its id while that is not known. */
  readonly title: string
  readonly user: User
  /** The list of rooms has changed by what was done here. */
  readonly onLeft: () => void
  /** The second door has opened, or stays shut. */
  readonly onAnswer: (mayEnter: boolean) => void
}

/** One room, from the knock on. */
export function RoomView(props: RoomViewProps): ReactNode {
  const { room } = props
  const { channel, reopen } = useLive(useCallback((app) => app.open(chat, { room }), [room]))
  return channel && <OpenedRoom {...props} key={channel.path} channel={channel} reopen={reopen} />
}

function OpenedRoom({
  channel,
  reopen,
  ...props
}: RoomViewProps & { readonly channel: ChatChannel; readonly reopen: () => void }): ReactNode {
  const snapshot = useSnapshot(channel)
  const { state, denial } = snapshot
  const wasInside = useWasOpen(state)
  useSessionEnd(denial, reopen)
  const { onAnswer } = props

  useEffect(() => {
    if (state === 'open' || state === 'denied') onAnswer(state === 'open')
  }, [state, onAnswer])

  if (state !== 'denied') return <RoomInside {...props} channel={channel} snapshot={snapshot} />
  return (
    <main className="room" id="main">
      <RoomHeader title={props.title} snapshot={snapshot} />
      <RoomDenied denial={denial} reopen={reopen} wasInside={wasInside} />
      {wasInside && denial?.status !== 401 && (
        // what was being written stays where it was, locked with the reason
        <Composer
          channel={channel}
          snapshot={snapshot}
          title={props.title}
          me={props.user.id}
          room={props.room}
          onTyping={() => {}}
        />
      )}
    </main>
  )
}

/** Whether it was open once. */
function useWasOpen(state: ChatChannel['state']): boolean {
  const [was, setWas] = useState(false)
  if (state === 'open' && !was) setWas(true)
  return was
}
