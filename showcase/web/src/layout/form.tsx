import { Button, type ButtonProps, Group, Modal, Stack, type StackProps } from '@mantine/core'
import type { ReactNode } from 'react'
import { useAction } from '../http/use-action.ts'
import { Failure, Notice } from './live-region.tsx'

/** The texts of a form's fields by name; a checkbox that is not checked is not there. */
export type FormFields = Readonly<Record<string, string | undefined>>

/** Reads the fields of a form. */
export function fieldsOf(form: HTMLFormElement): FormFields {
  return Object.fromEntries(
    [...new FormData(form)].filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  )
}

/** What a form asks, and what is done with the answer. */
export interface FormProps {
  /** The name of the form for screen readers; the title of a dialog. */
  readonly label: string
  /** The text of the button that sends the form. */
  readonly submit: string
  /** Answers with what was done, in words: then the form is emptied and shows them. What it throws is shown too. */
  readonly onSubmit: (fields: FormFields) => Promise<string | void>
  /** Puts a second button beside the first. */
  readonly onCancel?: () => void
  readonly button?: ButtonProps
  readonly stack?: StackProps
  /** The fields. */
  readonly children: ReactNode
}

/** A form that asks the server: it is sent once at a time, and says what came of it. */
export function Form({ label, submit, onSubmit, onCancel, button, stack, children }: FormProps): ReactNode {
  const { busy, failure, done, run } = useAction()
  const send = async (form: HTMLFormElement): Promise<void> => {
    await run(async () => {
      const words = await onSubmit(fieldsOf(form))
      if (words !== undefined) form.reset()
      return words
    })
  }
  const submitButton = (
    <Button type="submit" loading={busy} {...button}>
      {submit}
    </Button>
  )
  return (
    <form
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault()
        void send(event.currentTarget)
      }}
    >
      <Stack {...stack}>
        {children}
        <Failure message={failure} />
        <Notice message={done} />
        {onCancel === undefined ? (
          submitButton
        ) : (
          <Group justify="flex-end">
            <Button variant="default" onClick={onCancel}>
              Cancel
            </Button>
            {submitButton}
          </Group>
        )}
      </Stack>
    </form>
  )
}

/** A form in a dialog. */
export function FormDialog({
  opened = true,
  onClose,
  ...form
}: Omit<FormProps, 'onCancel'> & { readonly opened?: boolean; readonly onClose: () => void }): ReactNode {
  return (
    <Modal opened={opened} onClose={onClose} title={form.label} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Form {...form} onCancel={onClose} />
    </Modal>
  )
}
