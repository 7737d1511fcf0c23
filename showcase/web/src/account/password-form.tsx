import { Button, Card, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { useAction } from '../http/use-action.ts'
import { Failure } from '../layout/failure.tsx'
import { fieldsOf } from '../layout/form-fields.ts'
import { Notice } from '../layout/notice.tsx'
import { useSession } from '../session/session.ts'
import { changePassword } from './sessions-api.ts'

/** Changes one's password, which signs every other device out. */
export function PasswordForm({ username }: { readonly username: string }): ReactNode {
  const { renewing } = useSession()
  const { busy, failure, run } = useAction()
  const [done, setDone] = useState<string | null>(null)
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const { current = '', next = '' } = fieldsOf(form)
    setDone(null)
    if (!(await run(() => renewing(() => changePassword(current, next))))) return
    form.reset()
    setDone('Your password is changed, and every other device is signed out.')
  }
  return (
    <Card withBorder component="section" aria-labelledby="password-title">
      <Title order={2} size="h4" id="password-title">
        Change your password
      </Title>
      <Text size="sm" c="dimmed" mb="sm">
        All other devices are signed out at once, and their sockets are closed.
      </Text>
      <form
        aria-label="Change your password"
        onSubmit={(event) => {
          event.preventDefault()
          void submit(event.currentTarget)
        }}
      >
        <Stack maw={420}>
          {/* tells password managers whose password it is */}
          <input type="text" autoComplete="username" value={username} readOnly hidden />
          <PasswordInput name="current" label="Current password" autoComplete="current-password" required />
          <PasswordInput
            name="next"
            label="New password"
            description="At least 8 characters."
            autoComplete="new-password"
            minLength={8}
            required
          />
          <Failure message={failure} />
          <Notice message={done} />
          <Button type="submit" loading={busy}>
            Change password
          </Button>
        </Stack>
      </form>
    </Card>
  )
}
