import { Badge, Group, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { Moment } from '../layout/moment.tsx'
import { deviceWords, type SessionOfPerson, socketWords } from './sessions-api.ts'

/** What an item shows. */
export interface SessionItemProps {
  readonly session: SessionOfPerson
  /** Milliseconds since 1970. */
  readonly now: number
  /** Whether it is the session of this very page. */
  readonly current?: boolean
  /** What can be done with it. */
  readonly children?: ReactNode
}

/** One session: the device in words, since when, when it was used last, and what is open on it. */
export function SessionItem({ session, now, current = false, children }: SessionItemProps): ReactNode {
  const { address, since, lastActive, sockets } = session
  return (
    <li className="session" data-open={sockets.length > 0}>
      <span className="dot" aria-hidden />
      <div className="session-words">
        <Group gap="xs">
          <Text fw={650}>{deviceWords(session)}</Text>
          {current && (
            <Badge size="sm" variant="light" className="mark">
              this device
            </Badge>
          )}
        </Group>
        <Text size="sm">{socketWords(session)}</Text>
        <Text size="xs" c="dimmed">
          Signed in <Moment at={since} now={now} /> · last active{' '}
          {sockets.length > 0 ? 'now' : <Moment at={lastActive} now={now} />}
          {address !== null && ` · from ${address}`}
        </Text>
      </div>
      {children}
    </li>
  )
}
