import { Text, VisuallyHidden } from '@mantine/core'
import type { ReactNode } from 'react'
import { type Connection, connectionWords } from './connection-words.ts'
import { useNow } from '../layout/use-now.ts'
import { useOnline } from './use-online.ts'

/** The state of the connection, always visible; changes are read out, the countdown is not. */
export function ConnectionStatus({
  snapshot,
}: {
  readonly snapshot: Connection & { readonly failure: string | null }
}): ReactNode {
  const now = useNow(snapshot.state === 'waiting')
  const { tone, shown, spoken } = connectionWords(snapshot, { now, online: useOnline() })
  return (
    <div
      className="connection"
      data-state={snapshot.state}
      data-tone={tone}
      title={snapshot.failure ?? undefined}
    >
      <span className="dot" aria-hidden />
      <Text size="sm" span aria-hidden>
        {shown}
      </Text>
      <VisuallyHidden role="status">{spoken}</VisuallyHidden>
    </div>
  )
}
