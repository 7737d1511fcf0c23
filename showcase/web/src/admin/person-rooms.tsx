import { Button, Group, Text, Title } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { RoomMarks } from '../chat/room-list.tsx'
import { counted } from '../layout/counted.ts'
import { ConfirmButton } from '../layout/confirm-button.tsx'
import { kick, type PersonDetails, removeFromRoom, type RoomOfPerson, setRoomRole } from './people-api.ts'
import { ReasonDialog } from './reason-dialog.tsx'
import type { PersonActions } from './use-person-actions.ts'

/** What the section is about. */
export interface PersonRoomsProps {
  readonly person: PersonDetails
  readonly actions: PersonActions
}

/** The rooms of a person: make the person a reader, or a writer again; remove the person; close the sockets. */
export function PersonRooms({ person, actions }: PersonRoomsProps): ReactNode {
  return (
    <section aria-labelledby="rooms-title">
      <Title order={2} size="h5" id="rooms-title" mb="xs">
        Rooms
      </Title>
      <ul className="plain-list" aria-label="Rooms">
        {person.rooms.map((room) => (
          <RoomRow key={room.id} room={room} person={person} actions={actions} />
        ))}
      </ul>
    </section>
  )
}

function RoomRow({ room, person, actions }: PersonRoomsProps & { readonly room: RoomOfPerson }): ReactNode {
  const [kicking, setKicking] = useState(false)
  const { id, title, role, given, visibility } = room
  const open = person.sessions.flatMap(({ sockets }) => sockets).filter((socket) => socket.room === id).length
  const reader = role === 'reader'
  return (
    <li className="session" data-open={open > 0}>
      <span className="dot" aria-hidden />
      <div className="session-words">
        <Group gap="xs">
          <Text fw={650}>{title}</Text>
          <RoomMarks room={room} />
        </Group>
        <Text size="sm">
          {given ? role : `${role}, as everybody is`} ·{' '}
          {open === 0 ? 'not inside' : `inside with ${counted(open, 'socket')}`}
        </Text>
      </div>
      <Group gap={4} justify="flex-end" className="session-actions">
        {role !== 'owner' && (
          <Button
            size="compact-xs"
            variant="subtle"
            loading={actions.busy}
            aria-label={reader ? `Let them write in ${title}` : `Make read-only in ${title}`}
            onClick={() =>
              void actions.run(
                reader ? `May write in ${title} again.` : `May only read in ${title} now.`,
                () => setRoomRole(person.id, id, reader ? 'member' : 'reader'),
              )
            }
          >
            {reader ? 'Let them write' : 'Make read-only'}
          </Button>
        )}
        {given && visibility === 'members' && (
          <ConfirmButton
            label="Remove"
            question={`Remove from ${title}?`}
            busy={actions.busy}
            onConfirm={() => void actions.run(`Removed from ${title}.`, () => removeFromRoom(person.id, id))}
          />
        )}
        <Button
          size="compact-xs"
          variant="subtle"
          color="red"
          disabled={open === 0}
          aria-label={`Kick from ${title}`}
          onClick={() => setKicking(true)}
        >
          Kick
        </Button>
      </Group>
      {kicking && (
        <ReasonDialog
          title={`Kick ${person.name} from ${title}`}
          text="Their sockets in this room close at once; all others stay open, and they may come back."
          submit="Kick"
          onClose={() => setKicking(false)}
          onConfirm={(reason) => actions.attempt(`Kicked from ${title}.`, () => kick(person.id, id, reason))}
        />
      )}
    </li>
  )
}
