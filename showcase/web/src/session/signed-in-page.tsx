import { Center } from '@mantine/core'
import { type ReactNode, useRef } from 'react'
import { Header } from '../layout/header.tsx'
import { SignInCard } from './sign-in-card.tsx'
import type { User } from './session-api.ts'
import { useSession } from './session.ts'

/** A page for users who are signed in. */
export interface SignedInPageProps {
  readonly className?: string
  /** The text of the link that skips the header. */
  readonly skip: string
  /** The title of the sign-in card for a visitor who has not been signed in before. */
  readonly title: string
  /** The content, in an element with the id `main`. */
  readonly children: (user: User) => ReactNode
}

/** Shows its content to a signed-in user. Everyone else sees the way to sign in, and why a session has ended. */
export function SignedInPage({ className, skip, title, children }: SignedInPageProps): ReactNode {
  const { user } = useSession()
  const wasSignedIn = useRef(false)
  if (user) wasSignedIn.current = true
  return (
    <div className={className}>
      <a className="skip-link" href="#main">
        {skip}
      </a>
      <Header />
      {user ? (
        children(user)
      ) : (
        <>
          <title>Sign in · Sallyport</title>
          <Center component="main" id="main" p="md">
            <SignInCard title={wasSignedIn.current ? 'You are signed out' : title} />
          </Center>
        </>
      )}
    </div>
  )
}
