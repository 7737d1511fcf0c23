import { Alert, Container } from '@mantine/core'
import type { Client } from 'sallyport/client'
import type { ReactNode } from 'react'
import { audit } from '../../../src/audit/contract.ts'
import { sentence } from '../chat/connection-words.ts'
import { Header } from '../layout/header.tsx'
import { NothingHere } from '../layout/not-found.tsx'
import { useFarewell } from '../live/use-farewell.ts'
import { useLive, useSnapshot } from '../live/use-live.ts'
import { follow } from '../routing/follow.ts'
import { FirstDoor } from '../session/first-door.tsx'
import { isAdmin, type User } from '../session/session-api.ts'
import '../account/account.css'
import './admin.css'
import type { OpenedAudit } from './audit-api.ts'
import { AuditView } from './audit-view.tsx'
import { PeopleView } from './people-view.tsx'

/** What of the console is shown. */
export type AdminPlace =
  { readonly view: 'people'; readonly person: string | null } | { readonly view: 'audit' }

/** The console: for administrators. For everybody else nothing is here; `null` is no place of it. */
export function AdminPage({ place }: { readonly place: AdminPlace | null }): ReactNode {
  return (
    <div className="admin-page">
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <Header />
      <FirstDoor title="Sign in">
        {(user) =>
          isAdmin(user) && place !== null ? (
            <Console key={user.id} user={user} place={place} />
          ) : (
            <NothingHere />
          )
        }
      </FirstDoor>
    </div>
  )
}

interface ConsoleProps {
  readonly user: User
  readonly place: AdminPlace
}

/** One socket for the whole console: it brings what happens, and its end is the end of the console. */
function Console(props: ConsoleProps): ReactNode {
  const { opened, again } = useLive(openAudit)
  return (
    <>
      <AdminTabs view={props.place.view} />
      {opened && <OpenConsole {...props} opened={opened} again={again} />}
    </>
  )
}

function openAudit(app: Client): OpenedAudit {
  return app.open(audit)
}

function OpenConsole({
  user,
  place,
  opened,
  again,
}: ConsoleProps & { readonly opened: OpenedAudit; readonly again: () => void }): ReactNode {
  const { state, denial } = useSnapshot(opened)
  useFarewell(state === 'denied' ? denial : null, again)
  if (state === 'denied' && denial?.status !== 401)
    return (
      <Container component="main" id="main" py="lg">
        <Alert color="red" variant="light" title="The console is closed to you" role="alert">
          {sentence(denial?.message ?? 'the server gave no reason')} If your role has changed, load the page
          again.
        </Alert>
      </Container>
    )
  if (place.view === 'audit') return <AuditView opened={opened} />
  return <PeopleView person={place.person} me={user.id} audit={opened} />
}

function AdminTabs({ view }: { readonly view: AdminPlace['view'] }): ReactNode {
  return (
    <nav className="admin-tabs" aria-label="Console">
      <a
        href="/admin"
        onClick={follow}
        className="focusable"
        aria-current={view === 'people' ? 'page' : undefined}
      >
        People
      </a>
      <a
        href="/admin/audit"
        onClick={follow}
        className="focusable"
        aria-current={view === 'audit' ? 'page' : undefined}
      >
        Audit
      </a>
    </nav>
  )
}
