import { VisuallyHidden } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import type { ChatChannel } from './contract.ts'

/**
 * Reads out the messages of others as they arrive. The list itself is not read out: it would repeat every page of the history.
 */
export function Announcer({
  channel,
  me,
}: {
  readonly channel: ChatChannel
  readonly me: string
}): ReactNode {
  const [last, setLast] = useState('')
  useEffect(
    () =>
      channel.on('said', ({ by, from, text }) => {
        if (by !== me) setLast(`${from}: ${text}`)
      }),
    [channel, me],
  )
  return (
    <VisuallyHidden aria-live="polite" role="log">
      {last}
    </VisuallyHidden>
  )
}
