import { Center, Loader } from '@mantine/core'
import { type ReactNode, useRef } from 'react'
import { Failure } from '../layout/live-region.tsx'
import { SignInCard } from './sign-in-card.tsx'
import type { User } from './session-api.ts'
import { useSession } from './session.ts'

/** What stands behind the first door. */
export interface FirstDoorProps {
  /** What the card says to who has not been in yet. */
  readonly title: string
  readonly children: (user: User) => ReactNode
}

/** Lets in who is signed in; everybody else sees the way to sign in, and why they no longer are. */
export function FirstDoor({ title, children }: FirstDoorProps): ReactNode {
  const { user, failure } = useSession()
  const wasSignedIn = useRef(false)
  if (user) {
    wasSignedIn.current = true
    return children(user)
  }
  return (
    <>
      <title>Sign in · Sallyport</title>
      <Center component="main" id="room" p="md">
        {user === undefined && failure === null && <Loader aria-label="Asking who you are" />}
        <Failure message={user === undefined ? failure : null} />
        {user === null && <SignInCard title={wasSignedIn.current ? 'You are signed out' : title} />}
      </Center>
    </>
  )
}
