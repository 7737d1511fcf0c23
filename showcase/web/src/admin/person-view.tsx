import { Alert, Anchor, Button, Group, Loader, Stack, Text, Title } from '@mantine/core'
import { type ReactNode, useCallback, useState } from 'react'
import { SessionItem } from '../account/session-item.tsx'
import { sentence } from '../live/connection-words.ts'
import { useNow } from '../layout/use-now.ts'
import { useLoaded } from '../http/use-loaded.ts'
import { ConfirmButton } from '../layout/confirm-button.tsx'
import { Failure, Notice } from '../layout/live-region.tsx'
import { Moment } from '../layout/moment.tsx'
import { follow } from '../routing/follow.ts'
import { isAdmin } from '../session/session-api.ts'
import { ban, type PersonDetails, readPerson, setRole, signOutPerson, unban } from './people-api.ts'
import { PersonMarks } from './people-list.tsx'
import { PersonRooms } from './person-rooms.tsx'
import { ReasonDialog } from './reason-dialog.tsx'
import { useAuditEvents } from './use-audit-events.ts'
import type { AuditChannel } from './audit-api.ts'
import { type PersonActions, usePersonActions } from './use-person-actions.ts'

/** What the view shows. */
export interface PersonViewProps {
  readonly id: string
  /** The id of who looks. */
  readonly me: string
  /** Tells when something has happened to them. */
  readonly audit: AuditChannel
  /** The list of people has changed by what was done here. */
  readonly onChange: () => Promise<void>
}

/** One person: what is open, what they may do, and how to change that. */
export function PersonView({ id, me, audit, onChange }: PersonViewProps): ReactNode {
  const person = useLoaded(useCallback((signal) => readPerson(id, signal), [id]))
  const { value, failure, reload } = person
  const actions = usePersonActions(async () => void (await Promise.all([reload(), onChange()])))
  useAuditEvents(
    audit,
    useCallback(({ subject }) => subject === id, [id]),
    reload,
  )
  return (
    <main className="admin-main" id="main">
      <Anchor href="/admin" onClick={follow} className="to-people" size="sm">
        ← People
      </Anchor>
      <Failure message={failure ?? actions.failure} />
      <Notice message={actions.done} />
      {value === null && failure === null && <Loader size="sm" aria-label="Loading the person" />}
      {value !== null && <Person person={value} me={me} actions={actions} />}
    </main>
  )
}

interface PersonProps {
  readonly person: PersonDetails
  readonly me: string
  readonly actions: PersonActions
}

function Person({ person, me, actions }: PersonProps): ReactNode {
  const now = useNow(true)
  return (
    <Stack gap="lg" mt="xs">
      <title>{`${person.name} · Sallyport`}</title>
      <div>
        <Group gap="xs">
          <Title order={1} size="h3">
            {person.name}
          </Title>
          <PersonMarks person={person} />
        </Group>
        <Text size="sm" c="dimmed" className="anywhere">
          {[person.username, person.email].filter((word) => word !== null).join(' · ')}
        </Text>
      </div>
      {person.ban !== null && <BanAlert ban={person.ban} />}
      {person.id === me ? (
        <Text size="sm" c="dimmed">
          This is you: another administrator would have to ban you or change your role.
        </Text>
      ) : (
        <ActionButtons person={person} actions={actions} />
      )}
      <section aria-labelledby="open-title">
        <Title order={2} size="h5" id="open-title">
          Sessions and open sockets
        </Title>
        {person.sessions.length === 0 && (
          <Text size="sm" c="dimmed">
            Signed in nowhere.
          </Text>
        )}
        <ul className="plain-list" aria-label="Sessions">
          {person.sessions.map((session) => (
            <SessionItem key={session.id} session={session} now={now} />
          ))}
        </ul>
      </section>
      <PersonRooms person={person} actions={actions} />
    </Stack>
  )
}

function BanAlert({
  ban: { reason, until },
}: {
  readonly ban: NonNullable<PersonDetails['ban']>
}): ReactNode {
  return (
    <Alert color="red" variant="light" title="Banned">
      {sentence(reason ?? 'no reason was given')}{' '}
      {until === null ? (
        'For good.'
      ) : (
        <>
          Until <Moment at={until} />.
        </>
      )}
    </Alert>
  )
}

function ActionButtons({ person, actions }: Omit<PersonProps, 'me'>): ReactNode {
  const [banning, setBanning] = useState(false)
  const admin = isAdmin(person)
  return (
    <Group gap="xs" role="group" aria-label="Actions">
      {person.ban === null ? (
        <Button size="sm" color="red" onClick={() => setBanning(true)}>
          Ban
        </Button>
      ) : (
        <Button
          size="sm"
          variant="default"
          loading={actions.busy}
          onClick={() => void actions.run('The ban is lifted.', () => unban(person.id))}
        >
          Lift the ban
        </Button>
      )}
      <ConfirmButton
        large
        label="Sign out everywhere"
        question="Sign out everywhere?"
        busy={actions.busy}
        disabled={person.sessions.length === 0}
        onConfirm={() => void actions.run('Signed out everywhere.', () => signOutPerson(person.id))}
      />
      <ConfirmButton
        large
        label={admin ? 'Make a user' : 'Make an administrator'}
        question={admin ? 'Make a user?' : 'Make an administrator?'}
        busy={actions.busy}
        onConfirm={() =>
          void actions.run(admin ? 'A user again.' : 'An administrator now.', () =>
            setRole(person.id, admin ? 'user' : 'admin'),
          )
        }
      />
      {banning && (
        <ReasonDialog
          title={`Ban ${person.name}`}
          text="Every socket and every session of theirs ends at once, and they cannot sign in."
          submit="Ban"
          timed
          onClose={() => setBanning(false)}
          onConfirm={(reason, seconds) =>
            actions.attempt(`${person.name} is banned.`, () => ban(person.id, reason, seconds))
          }
        />
      )}
    </Group>
  )
}
