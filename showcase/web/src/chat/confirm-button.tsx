import { Button } from '@mantine/core'
import { type ReactNode, useState } from 'react'

/** What the button says and does. */
export interface ConfirmButtonProps {
  readonly words: string
  /** The question that the first press puts; also what the button is called for screen readers. */
  readonly sure: string
  readonly busy: boolean
  readonly onSure: () => void
}

/** A button that asks before it acts: the second press counts, leaving it takes the question back. */
export function ConfirmButton({ words, sure, busy, onSure }: ConfirmButtonProps): ReactNode {
  const [asked, setAsked] = useState(false)
  return (
    <Button
      size="compact-xs"
      variant={asked ? 'filled' : 'subtle'}
      color="red"
      loading={busy}
      aria-label={asked ? `${sure} Press again to confirm.` : sure.replace('?', '')}
      onBlur={() => setAsked(false)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') setAsked(false)
      }}
      onClick={() => {
        setAsked(!asked)
        if (asked) onSure()
      }}
    >
      {asked ? 'Sure?' : words}
    </Button>
  )
}
