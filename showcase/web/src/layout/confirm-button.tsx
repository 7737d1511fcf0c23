import { Button } from '@mantine/core'
import { type ReactNode, useState } from 'react'

/** What the button says and does. */
export interface ConfirmButtonProps {
  readonly label: string
  /** The question that the first press puts; also what the button is called for screen readers. */
  readonly question: string
  readonly busy: boolean
  readonly disabled?: boolean
  /** Stands alone, and not in a row of a list. */
  readonly large?: boolean
  readonly onConfirm: () => void
}

/** A button that asks before it acts: the second press counts, leaving it takes the question back. */
export function ConfirmButton({
  label,
  question,
  busy,
  disabled = false,
  large = false,
  onConfirm,
}: ConfirmButtonProps): ReactNode {
  const [asked, setAsked] = useState(false)
  return (
    <Button
      size={large ? 'sm' : 'compact-xs'}
      variant={asked ? 'filled' : large ? 'default' : 'subtle'}
      color="red"
      loading={busy}
      disabled={disabled}
      aria-label={asked ? `${question} Press again to confirm.` : question.replace('?', '')}
      onBlur={() => setAsked(false)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') setAsked(false)
      }}
      onClick={() => {
        setAsked(!asked)
        if (asked) onConfirm()
      }}
    >
      {asked ? (large ? `${question} Press again` : 'Sure?') : label}
    </Button>
  )
}
