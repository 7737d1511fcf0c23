import { Card, PasswordInput, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { Form } from '../layout/form.tsx'
import { NewPasswordInput } from '../layout/new-password-input.tsx'
import { useSession } from '../session/session.ts'
import { changePassword } from './sessions-api.ts'

/** Changes one's password, which signs every other device out. */
export function PasswordForm({ username }: { readonly username: string }): ReactNode {
  const { renewing } = useSession()
  return (
    <Card withBorder component="section" aria-labelledby="password-title">
      <Title order={2} size="h4" id="password-title">
        Change your password
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        All other devices are signed out at once, and their sockets are closed.
      </Text>
      <Form
        label="Change your password"
        submit="Change password"
        stack={{ maw: 420 }}
        onSubmit={async ({ current = '', next = '' }) => {
          await renewing(() => changePassword(current, next))
          return 'Your password is changed, and every other device is signed out.'
        }}
      >
        {/* tells password managers whose password it is */}
        <input type="text" autoComplete="username" value={username} readOnly hidden />
        <PasswordInput name="current" label="Current password" autoComplete="current-password" required />
        <NewPasswordInput name="next" label="New password" />
      </Form>
    </Card>
  )
}
