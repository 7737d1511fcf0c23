import { Text } from '@mantine/core'
import { type ReactNode, useCallback } from 'react'
import { useLoaded } from '../http/use-loaded.ts'
import { SessionWatch } from '../live/session-watch.tsx'
import { navigate } from '../routing/location.ts'
import { SignedInPage } from '../session/signed-in-page.tsx'
import type { User } from '../session/session-api.ts'
import './chat.css'
import { RoomList } from './room-list.tsx'
import { RoomView } from './room-view.tsx'
import { listRooms } from './rooms-api.ts'

/** The chat: behind the first door the rooms, behind the second one of them. */
export function ChatPage({ room }: { readonly room: string | null }): ReactNode {
  return (
    <SignedInPage className="chat-page" skip="Skip to the room" title="Sign in to chat">
      {/* another person starts afresh: nothing that one has read stays on the screen of the next */}
      {(user) => <Chat key={user.id} user={user} room={room} />}
    </SignedInPage>
  )
}

function Chat({ user, room }: { readonly user: User; readonly room: string | null }): ReactNode {
  const rooms = useLoaded(listRooms)
  const title = rooms.value?.find(({ id }) => id === room)?.title ?? room ?? 'Chat'
  const { value: known, reload } = rooms
  // the door knows first: one was invited, or shown out, since the list was read
  const answered = useCallback(
    (mayEnter: boolean) => {
      if (known !== null && known.some(({ id }) => id === room) !== mayEnter) void reload()
    },
    [known, room, reload],
  )
  const left = (): void => {
    navigate('/chat')
    void rooms.reload()
  }
  return (
    <div className="chat" data-in-room={room !== null}>
      <title>{`${title} · Sallyport`}</title>
      <RoomList rooms={rooms} current={room} />
      {room === null && (
        <main className="room no-room" id="main">
          <SessionWatch />
          <Text c="dimmed">Choose a room.</Text>
        </main>
      )}
      {room !== null && isRoomId(room) && (
        <RoomView key={room} room={room} title={title} user={user} onLeft={left} onAnswer={answered} />
      )}
      {room !== null && !isRoomId(room) && (
        <main className="room no-room" id="main">
          <Text>There is no room with such an address.</Text>
        </main>
      )}
    </div>
  )
}

/** What the server could have called a room; anything else need not be asked for. */
function isRoomId(text: string): boolean {
  return /^[a-z0-9-]{1,128}$/.test(text)
}
