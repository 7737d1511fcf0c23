import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { Failure } from '../layout/failure.tsx'
import { fieldsOf } from '../layout/form-fields.ts'
import { useAction } from '../http/use-action.ts'
import { useSession } from './session.ts'
import { signIn } from './session-api.ts'

/** Signs in with a user name or an e-mail address. */
export function SignInForm(): ReactNode {
  const { changed } = useSession()
  const { busy, failure, run } = useAction()
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const { name = '', password = '' } = fieldsOf(form)
    await run(async () => {
      await signIn(name.trim(), password)
      await changed()
    })
  }
  return (
    <form
      aria-label="Sign in"
      onSubmit={(event) => {
        event.preventDefault()
        void submit(event.currentTarget)
      }}
    >
      <Stack>
        <TextInput
          name="name"
          label="User name or e-mail"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
        />
        <PasswordInput name="password" label="Password" autoComplete="current-password" required />
        <Failure message={failure} />
        <Button type="submit" loading={busy}>
          Sign in
        </Button>
      </Stack>
    </form>
  )
}
