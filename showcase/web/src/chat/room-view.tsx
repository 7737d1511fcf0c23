import { type ReactNode, useEffect, useState } from 'react'
import type { User } from '../session/session-api.ts'
import { useFarewell } from '../live/use-farewell.ts'
import { useSnapshot } from '../live/use-live.ts'
import { Composer } from './composer.tsx'
import type { OpenedChat } from './contract.ts'
import { Refused } from './refused.tsx'
import { RoomHeader } from './room-header.tsx'
import { RoomInside } from './room-inside.tsx'
import { useOpened } from './use-opened.ts'

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
  const { opened, again } = useOpened(props.room)
  return opened && <Knocked {...props} key={opened.path} opened={opened} again={again} />
}

function Knocked({
  opened,
  again,
  ...props
}: RoomViewProps & { readonly opened: OpenedChat; readonly again: () => void }): ReactNode {
  const snapshot = useSnapshot(opened)
  const { state, denial } = snapshot
  const wasInside = useWasOpen(state)
  useFarewell(state === 'denied' ? denial : null, again)
  const { onAnswer } = props

  useEffect(() => {
    if (state === 'open' || state === 'denied') onAnswer(state === 'open')
  }, [state, onAnswer])

  if (state !== 'denied') return <RoomInside {...props} opened={opened} snapshot={snapshot} />
  return (
    <main className="room" id="room">
      <RoomHeader title={props.title} snapshot={snapshot} />
      <Refused denial={denial} again={again} wasInside={wasInside} />
      {wasInside && denial?.status !== 401 && (
        // what was being written stays where it was, locked with the reason
        <Composer
          opened={opened}
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
function useWasOpen(state: OpenedChat['state']): boolean {
  const [was, setWas] = useState(false)
  if (state === 'open' && !was) setWas(true)
  return was
}
