import { Text, Title } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { type ReactNode, useCallback, useState } from 'react'
import { useLoaded } from '../http/use-loaded.ts'
import type { AuditEntry, AuditChannel } from './audit-api.ts'
import { searchPeople } from './people-api.ts'
import { PeopleList } from './people-list.tsx'
import { PersonView } from './person-view.tsx'
import { useAuditEvents } from './use-audit-events.ts'

/** What the view is given. */
export interface PeopleViewProps {
  /** The id of the person that is shown; `null` while no person is chosen. */
  readonly person: string | null
  readonly me: string
  readonly audit: AuditChannel
}

const typingMs = 200

/** People: the list of them, and one. */
export function PeopleView({ person, me, audit }: PeopleViewProps): ReactNode {
  const [text, setText] = useState('')
  const [wanted] = useDebouncedValue(text, typingMs)
  const found = useLoaded(useCallback((signal) => searchPeople(wanted, signal), [wanted]))
  useAuditEvents(audit, changesTheList, found.reload)
  return (
    <div className="admin-people" data-looking={person !== null}>
      <PeopleList found={found} current={person} onSearch={setText} />
      {person === null ? (
        <main className="admin-main empty" id="main">
          <title>People · Sallyport</title>
          <Title order={1} size="h3">
            People
          </Title>
          <Text c="dimmed">Choose a person to see the open sockets, and to end them.</Text>
        </main>
      ) : (
        <PersonView key={person} id={person} me={me} audit={audit} onChange={found.reload} />
      )}
    </div>
  )
}

function changesTheList({ type }: AuditEntry): boolean {
  return type === 'accepted' || type === 'left' || type.startsWith('admin-')
}
