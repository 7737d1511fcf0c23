import { Alert, Anchor, Button, Group, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { follow } from '../routing/follow.ts'
import { sentence } from '../live/connection-words.ts'
import type { ChatSnapshot } from './contract.ts'

/** The second door stayed shut, or has closed: why, and what one can do. */
export function RoomDenied({
  denial,
  reopen,
  wasInside = false,
}: {
  readonly denial: ChatSnapshot['denial']
  readonly reopen: () => void
  /** Whether the person had been let in before the refusal. */
  readonly wasInside?: boolean
}): ReactNode {
  return (
    <div className="refused">
      <Alert
        color="red"
        variant="light"
        title={wasInside ? 'The door has closed' : 'The second door stays shut'}
        role="alert"
        maw={520}
      >
        <Text size="sm">{sentence(denial?.message ?? 'the server gave no reason')}</Text>
        {denial !== null && (
          <Text size="xs" c="dimmed" mt="xs">
            {denial.status} {denial.code}
            {denial.ref !== undefined && ` · reference ${denial.ref}`}
          </Text>
        )}
        <Group mt="md">
          <Button size="xs" variant="default" onClick={reopen}>
            Knock again
          </Button>
          <Anchor href="/chat" onClick={follow} size="sm">
            All rooms
          </Anchor>
        </Group>
      </Alert>
    </div>
  )
}
