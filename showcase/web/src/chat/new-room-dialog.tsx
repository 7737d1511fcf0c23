import { Checkbox, Radio, Stack, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { z } from 'zod'
import { FormDialog } from '../layout/form.tsx'
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
    <FormDialog
      opened={opened}
      label="New room"
      submit="Create room"
      onClose={onClose}
      onSubmit={async (filled) => onMade(await createRoom(fields.parse(filled)))}
    >
      <TextInput name="title" label="Title" maxLength={64} data-autofocus autoComplete="off" required />
      <Radio.Group name="visibility" label="Who may come in" defaultValue="members">
        <Stack gap="xs" mt="xs">
          <Radio value="members" label="Members only: whom you invite" />
          <Radio value="public" label="Public: everyone who is signed in" />
        </Stack>
      </Radio.Group>
      <Checkbox name="readOnly" label="Read-only: only owners write" />
    </FormDialog>
  )
}
