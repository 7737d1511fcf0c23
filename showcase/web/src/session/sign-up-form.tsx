import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { Failure } from '../layout/failure.tsx'
import { fieldsOf } from '../layout/form-fields.ts'
import { useAction } from '../http/use-action.ts'
import { useSession } from './session.ts'
import { signUp } from './session-api.ts'

/** Makes an account and signs in with it. */
export function SignUpForm(): ReactNode {
  const { changed } = useSession()
  const { busy, failure, run } = useAction()
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const { name = '', username = '', email = '', password = '' } = fieldsOf(form)
    await run(async () => {
      await signUp({ name: name.trim(), username: username.trim(), email: email.trim(), password })
      await changed()
    })
  }
  return (
    <form
      aria-label="Create an account"
      onSubmit={(event) => {
        event.preventDefault()
        void submit(event.currentTarget)
      }}
    >
      <Stack>
        <TextInput
          name="name"
          label="Name"
          description="What others see."
          autoComplete="name"
          maxLength={64}
          required
        />
        <TextInput
          name="username"
          label="User name"
          description="2 to 30 letters, digits, dots and underscores: this is how others invite you."
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          pattern="[A-Za-z0-9_.]{2,30}"
          title="2 to 30 letters, digits, dots and underscores"
          required
        />
        <TextInput name="email" type="email" label="E-mail" autoComplete="email" required />
        <PasswordInput
          name="password"
          label="Password"
          description="At least 8 characters."
          autoComplete="new-password"
          minLength={8}
          required
        />
        <Failure message={failure} />
        <Button type="submit" loading={busy}>
          Create account
        </Button>
      </Stack>
    </form>
  )
}
