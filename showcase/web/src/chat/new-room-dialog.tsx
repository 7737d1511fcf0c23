import { Button, Checkbox, Group, Modal, Radio, Stack, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { z } from 'zod'
import { useAction } from '../http/use-action.ts'
import { Failure } from '../layout/failure.tsx'
import { fieldsOf } from '../layout/form-fields.ts'
import { createRoom, type Room } from './rooms-api.ts'

const fields = z.object({
  title: z.string().trim(),
  visibility: z.enum(['public', 'members']),
  // a checkbox that is not checked is not among a form's data
  readOnly: z
    .string()
    .optional()
    .transform((value) => value !== undefined),
})

/** What the dialog is given. */
export interface NewRoomDialogProps {
  readonly opened: boolean
  readonly onClose: () => void
  readonly onMade: (room: Room) => Promise<void>
}

/** Makes a room. */
export function NewRoomDialog({ opened, onClose, onMade }: NewRoomDialogProps): ReactNode {
  return (
    <Modal opened={opened} onClose={onClose} title="New room" closeButtonProps={{ 'aria-label': 'Close' }}>
      <NewRoomForm onClose={onClose} onMade={onMade} />
    </Modal>
  )
}

function NewRoomForm({ onClose, onMade }: Omit<NewRoomDialogProps, 'opened'>): ReactNode {
  const { busy, failure, run } = useAction()
  const submit = (form: HTMLFormElement): Promise<boolean> =>
    run(async () => onMade(await createRoom(fields.parse(fieldsOf(form)))))
  return (
    <form
      aria-label="New room"
      onSubmit={(event) => {
        event.preventDefault()
        void submit(event.currentTarget)
      }}
    >
      <Stack>
        <TextInput name="title" label="Title" maxLength={64} data-autofocus autoComplete="off" required />
        <Radio.Group name="visibility" label="Who may come in" defaultValue="members">
          <Stack gap="xs" mt="xs">
            <Radio value="members" label="Members only: whom you invite" />
            <Radio value="public" label="Public: everyone who is signed in" />
          </Stack>
        </Radio.Group>
        <Checkbox name="readOnly" label="Read-only: only owners write" />
        <Failure message={failure} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Create room
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
