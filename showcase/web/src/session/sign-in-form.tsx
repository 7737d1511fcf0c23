import { PasswordInput, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { Form } from '../layout/form.tsx'
import { useSession } from './session.ts'
import { signIn } from './session-api.ts'

/** Signs in with a user name or an e-mail address. */
export function SignInForm(): ReactNode {
  const { changed } = useSession()
  return (
    <Form
      label="Sign in"
      submit="Sign in"
      onSubmit={async ({ name = '', password = '' }) => {
        await signIn(name.trim(), password)
        await changed()
      }}
    >
      <TextInput
        name="name"
        label="User name or e-mail"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
      />
      <PasswordInput name="password" label="Password" autoComplete="current-password" required />
    </Form>
  )
}
