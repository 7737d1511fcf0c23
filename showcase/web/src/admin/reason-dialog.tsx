import { NativeSelect, Text, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { FormDialog } from '../layout/form.tsx'

/** What is asked, and what is done with the answer. */
export interface ReasonDialogProps {
  readonly title: string
  /** What will happen. */
  readonly text: string
  /** The text of the button. */
  readonly submit: string
  /** Whether it can be asked for how long. */
  readonly timed?: boolean
  readonly onClose: () => void
  /** Does it; the dialog stays open, and says why, when it fails. */
  readonly onConfirm: (reason: string, seconds: number | undefined) => Promise<void>
}

const spans = [
  { value: '', label: 'for good' },
  { value: '3600', label: 'for an hour' },
  { value: '86400', label: 'for a day' },
  { value: '604800', label: 'for a week' },
  { value: '2592000', label: 'for 30 days' },
]

/** Asks for the reason of something that ends access: whom it concerns will read it. */
export function ReasonDialog(props: ReasonDialogProps): ReactNode {
  const { title, text, submit, timed = false, onClose, onConfirm } = props
  return (
    <FormDialog
      label={title}
      submit={submit}
      button={{ color: 'red' }}
      onClose={onClose}
      onSubmit={async ({ reason = '', seconds = '' }) => {
        await onConfirm(reason.trim(), seconds === '' ? undefined : Number(seconds))
        onClose()
      }}
    >
      <Text size="sm">{text}</Text>
      <TextInput
        name="reason"
        label="Reason"
        description="They will read it. Up to 80 characters."
        maxLength={80}
        autoComplete="off"
        data-autofocus
        required
      />
      {timed && <NativeSelect name="seconds" label="How long" data={spans} />}
    </FormDialog>
  )
}
