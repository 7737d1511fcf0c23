import { Badge, Loader, Text, TextInput, Title } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { Loaded } from '../http/use-loaded.ts'
import { Failure } from '../layout/live-region.tsx'
import { follow } from '../routing/follow.ts'
import { isAdmin } from '../session/session-api.ts'
import type { PeopleFound, PersonListed } from './people-api.ts'

/** What the list shows. */
export interface PeopleListProps {
  readonly found: Loaded<PeopleFound>
  /** The id of the person that is shown. */
  readonly current: string | null
  readonly onSearch: (text: string) => void
}

/** Everybody who has an account, with search. */
export function PeopleList({ found, current, onSearch }: PeopleListProps): ReactNode {
  const [text, setText] = useState('')
  const { value, failure } = found
  return (
    <nav className="people-search" aria-label="People">
      <Title order={2} size="h5" mb="xs">
        People
      </Title>
      <TextInput
        type="search"
        aria-label="Search people"
        placeholder="Name, user name or e-mail"
        autoComplete="off"
        maxLength={100}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value)
          onSearch(event.currentTarget.value)
        }}
      />
      <Failure message={failure} />
      {value === null && failure === null && <Loader size="sm" m="sm" aria-label="Loading people" />}
      <ul className="plain-list">
        {value?.people.map((person) => (
          <PersonLink key={person.id} person={person} current={person.id === current} />
        ))}
      </ul>
      <Text size="sm" c="dimmed" p="xs" role="status">
        {value?.people.length === 0 && 'No person has that name.'}
        {value?.more === true && 'There are more: search to see them.'}
      </Text>
    </nav>
  )
}

function PersonLink({
  person,
  current,
}: {
  readonly person: PersonListed
  readonly current: boolean
}): ReactNode {
  const { id, name, username, email, sockets } = person
  return (
    <li>
      <a
        href={`/admin/people/${encodeURIComponent(id)}`}
        onClick={follow}
        className="room-link focusable"
        aria-current={current ? 'page' : undefined}
      >
        <span className="grow">
          <Text span truncate display="block">
            {name}
          </Text>
          <Text span truncate display="block" size="xs" c="dimmed">
            {username ?? email}
          </Text>
        </span>
        <PersonMarks person={person} />
        {sockets > 0 && (
          <Badge size="sm" variant="light" color="green" className="mark tone" title="open sockets">
            {sockets} open
          </Badge>
        )}
      </a>
    </li>
  )
}

/** Shows whether a person is an administrator, or banned. */
export function PersonMarks({ person }: { readonly person: Pick<PersonListed, 'role' | 'ban'> }): ReactNode {
  return (
    <>
      {isAdmin(person) && (
        <Badge size="sm" variant="light" className="mark">
          admin
        </Badge>
      )}
      {person.ban !== null && (
        <Badge size="sm" variant="light" color="red" className="mark tone">
          banned
        </Badge>
      )}
    </>
  )
}
