import { MantineProvider } from '@mantine/core'
import type { ReactNode } from 'react'
import { AccountPage } from './account/account-page.tsx'
import { AdminPage, type AdminPlace } from './admin/admin-page.tsx'
import { ChatPage } from './chat/chat-page.tsx'
import { HomePage } from './home/home-page.tsx'
import { NotFound } from './layout/not-found.tsx'
import { useLocation } from './routing/location.ts'
import { SessionProvider } from './session/session-provider.tsx'
import { theme } from './theme.ts'

/** Everything that the pages show. */
export function App({ nonce }: { readonly nonce: string }): ReactNode {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <SessionProvider>
        <Page />
      </SessionProvider>
    </MantineProvider>
  )
}

function Page(): ReactNode {
  const [, first, second, ...more] = useLocation().split('/')
  if (first === '') return <HomePage />
  if (first === 'account' && second === undefined) return <AccountPage />
  if (first === 'admin') return <AdminPage place={adminPlace(second, more)} />
  if (first === 'chat' && more.length === 0) return <ChatPage room={second ? decoded(second) : null} />
  return <NotFound />
}

function adminPlace(second: string | undefined, more: readonly string[]): AdminPlace | null {
  const [person, ...rest] = more
  if (rest.length > 0) return null
  if (second === undefined) return { view: 'people', person: null }
  if (second === 'audit' && person === undefined) return { view: 'audit' }
  return second === 'people' && person ? { view: 'people', person: decoded(person) } : null
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
