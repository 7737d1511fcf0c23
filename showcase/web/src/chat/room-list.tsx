import { Badge, Button, Group, Text, Title } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { Loaded } from '../http/use-loaded.ts'
import { Failure } from '../layout/live-region.tsx'
import { follow } from '../routing/follow.ts'
import { navigate } from '../routing/location.ts'
import { NewRoomDialog } from './new-room-dialog.tsx'
import type { Room } from './rooms-api.ts'

/** What the list shows. */
export interface RoomListProps {
  readonly rooms: Loaded<readonly Room[]>
  /** The id of the room that is shown. */
  readonly current: string | null
}

/** The rooms that one may know, and a way to make one. */
export function RoomList({ rooms, current }: RoomListProps): ReactNode {
  const [making, setMaking] = useState(false)
  const made = async ({ id }: Room): Promise<void> => {
    setMaking(false)
    navigate(`/chat/${id}`)
    await rooms.reload()
  }
  return (
    <nav className="rooms" aria-label="Rooms">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h5">
          Rooms
        </Title>
        <Button size="xs" variant="light" onClick={() => setMaking(true)}>
          New room
        </Button>
      </Group>
      <Failure message={rooms.failure} />
      <ul className="plain-list">
        {rooms.value?.map((room) => (
          <li key={room.id}>
            <a
              href={`/chat/${room.id}`}
              onClick={follow}
              className="room-link focusable"
              aria-current={room.id === current ? 'page' : undefined}
            >
              <Text span truncate className="grow">
                {room.title}
              </Text>
              <RoomMarks room={room} />
            </a>
          </li>
        ))}
      </ul>
      <NewRoomDialog opened={making} onClose={() => setMaking(false)} onMade={made} />
    </nav>
  )
}

/** What kind of room it is, in one or two words. */
export function RoomMarks({ room }: { readonly room: Pick<Room, 'visibility' | 'readOnly'> }): ReactNode {
  return (
    <>
      {room.visibility === 'members' && (
        <Badge size="xs" variant="default" className="mark">
          members
        </Badge>
      )}
      {room.readOnly && (
        <Badge size="xs" variant="default" className="mark">
          read-only
        </Badge>
      )}
    </>
  )
}
