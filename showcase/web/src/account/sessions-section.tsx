import { Card, Group, Loader, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { receiptWords } from '../http/receipt.ts'
import { useAction } from '../http/use-action.ts'
import { useLoaded } from '../http/use-loaded.ts'
import { ConfirmButton } from '../layout/confirm-button.tsx'
import { Failure, Notice } from '../layout/live-region.tsx'
import { SessionWatch } from '../live/session-watch.tsx'
import { useNow } from '../layout/use-now.ts'
import { useSession } from '../session/session.ts'
import { SessionItem } from './session-item.tsx'
import { deviceWords, endSession, listSessions, type OwnSession, signOutEverywhere } from './sessions-api.ts'

/** Where one is signed in, kept up to date, and how to end it: one device, all others, or all. */
export function SessionsSection(): ReactNode {
  const { value, failure, reload } = useLoaded(listSessions)
  const { run, ...action } = useAction()
  const { changed } = useSession()
  const now = useNow(true)

  const signOut = (session: OwnSession): Promise<boolean> =>
    run(async () => {
      const receipt = await endSession(session.id)
      await reload()
      return `${deviceWords(session)} is signed out. ${receiptWords(receipt)}`
    })
  const everywhere = (thisDevice: boolean): Promise<boolean> =>
    run(async () => {
      const receipt = await signOutEverywhere(thisDevice)
      if (thisDevice) return await changed()
      await reload()
      return `All other devices are signed out. ${receiptWords(receipt)}`
    })

  return (
    <Card withBorder component="section" aria-labelledby="sessions-title">
      <SessionWatch onChange={reload} />
      <Title order={2} size="h4" id="sessions-title">
        Sessions and devices
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        Where you are signed in, and what is open there right now. A device that you sign out loses its rooms
        at once.
      </Text>
      <Failure message={failure ?? action.failure} />
      <Notice message={action.done} />
      {value === null && failure === null && <Loader size="sm" aria-label="Loading your sessions" />}
      <ul className="plain-list sessions" aria-label="Sessions">
        {value?.map((session) => (
          <SessionItem key={session.id} session={session} now={now} current={session.current}>
            {!session.current && (
              <ConfirmButton
                label="Sign out"
                question={`Sign out ${deviceWords(session)}?`}
                busy={action.busy}
                onConfirm={() => void signOut(session)}
              />
            )}
          </SessionItem>
        ))}
      </ul>
      <Group mt="md" gap="xs">
        <ConfirmButton
          large
          label="Sign out everywhere else"
          question="Sign out everywhere else?"
          disabled={value !== null && value.length < 2}
          busy={action.busy}
          onConfirm={() => void everywhere(false)}
        />
        <ConfirmButton
          large
          label="Sign out everywhere, here too"
          question="Sign out everywhere, here too?"
          busy={action.busy}
          onConfirm={() => void everywhere(true)}
        />
      </Group>
    </Card>
  )
}
