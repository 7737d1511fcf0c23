import { type ReactNode, useEffect } from 'react'
import type { User } from '../session/session-api.ts'
import { useSession } from '../session/session.ts'
import type { OpenedChat } from './contract.ts'
import { Refused } from './refused.tsx'
import { RoomHeader } from './room-header.tsx'
import { RoomInside } from './room-inside.tsx'
import { useOpened, useSnapshot } from './use-opened.ts'

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
  const { changed } = useSession()
  const { onAnswer } = props
  const signedOut = state === 'denied' && denial?.status === 401
  useEffect(() => {
    // the session has ended elsewhere: the page asks who is signed in, and shows the first door
    if (signedOut) void changed()
  }, [signedOut, changed])

  useEffect(() => {
    if (state === 'open' || state === 'denied') onAnswer(state === 'open')
  }, [state, onAnswer])

  if (state !== 'denied') return <RoomInside {...props} opened={opened} snapshot={snapshot} />
  return (
    <main className="room" id="room">
      <RoomHeader title={props.title} snapshot={snapshot} />
      <Refused denial={denial} again={again} />
    </main>
  )
}
