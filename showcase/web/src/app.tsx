import { MantineProvider } from '@mantine/core'
import type { ReactNode } from 'react'
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
  if (first === 'chat' && more.length === 0) return <ChatPage room={second ? decoded(second) : null} />
  return <NotFound />
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
