import { Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Loaded } from '../http/use-loaded.ts'
import { Failure } from '../layout/live-region.tsx'
import { InviteForm } from './invite-form.tsx'
import { LeaveButton } from './leave-button.tsx'
import { isCrowd, peopleOf, type Presence } from './people.ts'
import { PersonRow } from './person-row.tsx'
import type { RoomWithMembers } from './rooms-api.ts'

/** What the panel shows. */
export interface PeoplePanelProps {
  readonly room: Loaded<RoomWithMembers>
  readonly presence: Presence
  readonly me: string
  /** One has left: the room is no longer one's own. */
  readonly onLeft: () => void
}

/** Who is here, who has a role, and for owners the way to change that. */
export function PeoplePanel({ room, presence, me, onLeft }: PeoplePanelProps): ReactNode {
  const { value, failure, reload } = room
  const people = peopleOf(value?.members ?? [], presence)
  const owner = value?.role === 'owner'
  return (
    <Stack gap="sm">
      <Title order={2} size="h5">
        Here now: {presence.count}
      </Title>
      {isCrowd(presence) && (
        <Text size="xs" c="dimmed">
          Too many to list. Below are those who have a role.
        </Text>
      )}
      <Failure message={failure} />
      <ul className="plain-list people-list" aria-label="People">
        {people.map((person) => (
          <PersonRow
            key={person.id}
            person={person}
            me={person.id === me}
            remove={
              owner && person.role !== null && person.id !== me ? { room: value.id, done: reload } : null
            }
          />
        ))}
      </ul>
      {owner && <InviteForm room={value.id} onInvited={reload} />}
      {value?.visibility === 'members' && <LeaveButton room={value.id} onLeft={onLeft} />}
      {value?.visibility === 'public' && (
        <Text size="xs" c="dimmed">
          Everyone who is signed in may come in here.
        </Text>
      )}
    </Stack>
  )
}
