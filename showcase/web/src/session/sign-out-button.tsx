import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import { useAction } from '../http/use-action.ts'
import { useSession } from './session.ts'
import { signOut } from './session-api.ts'

/** Ends the session of this browser, in all its tabs. */
export function SignOutButton(): ReactNode {
  const { changed } = useSession()
  const { busy, failure, run } = useAction()
  const leave = async (): Promise<void> => {
    await run(async () => {
      await signOut()
      await changed()
    })
  }
  return (
    <Button
      variant="default"
      size="xs"
      loading={busy}
      title={failure ?? undefined}
      onClick={() => void leave()}
    >
      {failure === null ? 'Sign out' : 'Not signed out: try again'}
    </Button>
  )
}
