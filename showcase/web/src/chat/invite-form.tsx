import { Button, NativeSelect, Stack, TextInput } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { z } from 'zod'
import { useAction } from '../http/use-action.ts'
import { Failure } from '../layout/failure.tsx'
import { fieldsOf } from '../layout/form-fields.ts'
import { invite } from './rooms-api.ts'

const fields = z.object({ username: z.string().trim(), role: z.enum(['owner', 'member', 'reader']) })

const roles = { owner: 'an owner', member: 'a member', reader: 'a reader' } as const

/** What the form is for. */
export interface InviteFormProps {
  readonly room: string
  readonly onInvited: () => Promise<void>
}

/** Gives a person a role. It replaces an earlier role. For owners. */
export function InviteForm({ room, onInvited }: InviteFormProps): ReactNode {
  const { busy, failure, run } = useAction()
  const [done, setDone] = useState<string | null>(null)
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const invitation = fields.parse(fieldsOf(form))
    setDone(null)
    const invited = await run(async () => {
      await invite(room, invitation)
      await onInvited()
    })
    if (!invited) return
    form.reset()
    setDone(`${invitation.username} is now ${roles[invitation.role]} of this room.`)
  }
  return (
    <form
      aria-label="Invite"
      onSubmit={(event) => {
        event.preventDefault()
        void submit(event.currentTarget)
      }}
    >
      <Stack gap="xs">
        <TextInput
          size="xs"
          name="username"
          label="Invite, or change a role"
          placeholder="user name"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={30}
          required
        />
        <NativeSelect
          size="xs"
          name="role"
          label="Role"
          defaultValue="member"
          data={[
            { value: 'member', label: 'member: reads and writes' },
            { value: 'reader', label: 'reader: only reads' },
            { value: 'owner', label: 'owner: also invites and removes' },
          ]}
        />
        <Failure message={failure} />
        <div role="status" className="notice">
          {done}
        </div>
        <Button type="submit" size="xs" variant="light" loading={busy}>
          Give role
        </Button>
      </Stack>
    </form>
  )
}
