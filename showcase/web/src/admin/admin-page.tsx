import { Alert, Container } from '@mantine/core'
import type { Client } from 'sallyport/client'
import type { ReactNode } from 'react'
import { audit } from '../../../src/audit/contract.ts'
import { sentence } from '../live/connection-words.ts'
import { NothingHere } from '../layout/not-found.tsx'
import { useSessionEnd } from '../live/use-session-end.ts'
import { useLive, useSnapshot } from '../live/use-live.ts'
import { follow } from '../routing/follow.ts'
import { SignedInPage } from '../session/signed-in-page.tsx'
import { isAdmin, type User } from '../session/session-api.ts'
import '../account/account.css'
import './admin.css'
import type { AuditChannel } from './audit-api.ts'
import { AuditView } from './audit-view.tsx'
import { PeopleView } from './people-view.tsx'

/** What of the console is shown. */
export type AdminPlace =
  { readonly view: 'people'; readonly person: string | null } | { readonly view: 'audit' }

/** The console: for administrators. For everybody else nothing is here; `null` is no place of it. */
export function AdminPage({ place }: { readonly place: AdminPlace | null }): ReactNode {
  return (
    <SignedInPage className="admin-page" skip="Skip to the content" title="Sign in">
      {(user) =>
        isAdmin(user) && place !== null ? (
          <Console key={user.id} user={user} place={place} />
        ) : (
          <NothingHere />
        )
      }
    </SignedInPage>
  )
}

interface ConsoleProps {
  readonly user: User
  readonly place: AdminPlace
}

/** One socket for the whole console: it brings what happens, and its end is the end of the console. */
function Console(props: ConsoleProps): ReactNode {
  const { channel, reopen } = useLive(openAudit)
  return (
    <>
      <AdminTabs view={props.place.view} />
      {channel && <OpenConsole {...props} channel={channel} reopen={reopen} />}
    </>
  )
}

function openAudit(app: Client): AuditChannel {
  return app.open(audit)
}

function OpenConsole({
  user,
  place,
  channel,
  reopen,
}: ConsoleProps & { readonly channel: AuditChannel; readonly reopen: () => void }): ReactNode {
  const { state, denial } = useSnapshot(channel)
  useSessionEnd(denial, reopen)
  if (state === 'denied' && denial?.status !== 401)
    return (
      <Container component="main" id="main" py="lg">
        <Alert color="red" variant="light" title="The console is closed to you" role="alert">
          {sentence(denial?.message ?? 'the server gave no reason')} If your role has changed, load the page
          again.
        </Alert>
      </Container>
    )
  if (place.view === 'audit') return <AuditView channel={channel} />
  return <PeopleView person={place.person} me={user.id} audit={channel} />
}

const tabs = [
  { name: 'people', href: '/admin', title: 'People' },
  { name: 'audit', href: '/admin/audit', title: 'Audit' },
] as const

function AdminTabs({ view }: { readonly view: AdminPlace['view'] }): ReactNode {
  return (
    <nav className="admin-tabs" aria-label="Console">
      {tabs.map(({ name, href, title }) => (
        <a
          key={name}
          href={href}
          onClick={follow}
          className="focusable"
          aria-current={view === name ? 'page' : undefined}
        >
          {title}
        </a>
      ))}
    </nav>
  )
}
