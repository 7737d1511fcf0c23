import { NativeSelect, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { z } from 'zod'
import { Form } from '../layout/form.tsx'
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
  return (
    <Form
      label="Invite"
      submit="Give role"
      stack={{ gap: 'xs' }}
      button={{ size: 'xs', variant: 'light' }}
      onSubmit={async (filled) => {
        const invitation = fields.parse(filled)
        await invite(room, invitation)
        await onInvited()
        return `${invitation.username} is now ${roles[invitation.role]} of this room.`
      }}
    >
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
    </Form>
  )
}
