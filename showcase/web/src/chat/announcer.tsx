import { VisuallyHidden } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import type { OpenedChat } from './contract.ts'

/**
 * Reads out the messages of others as they arrive. The list itself is not read out: it would repeat every page of the history.
 */
export function Announcer({ opened, me }: { readonly opened: OpenedChat; readonly me: string }): ReactNode {
  const [last, setLast] = useState('')
  useEffect(
    () =>
      opened.on('said', ({ by, from, text }) => {
        if (by !== me) setLast(`${from}: ${text}`)
      }),
    [opened, me],
  )
  return (
    <VisuallyHidden aria-live="polite" role="log">
      {last}
    </VisuallyHidden>
  )
}
