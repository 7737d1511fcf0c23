import { TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { Form } from '../layout/form.tsx'
import { NewPasswordInput } from '../layout/new-password-input.tsx'
import { useSession } from './session.ts'
import { signUp } from './session-api.ts'

/** Makes an account and signs in with it. */
export function SignUpForm(): ReactNode {
  const { changed } = useSession()
  return (
    <Form
      label="Create an account"
      submit="Create account"
      onSubmit={async ({ name = '', username = '', email = '', password = '' }) => {
        await signUp({ name: name.trim(), username: username.trim(), email: email.trim(), password })
        await changed()
      }}
    >
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
      <NewPasswordInput name="password" label="Password" />
    </Form>
  )
}
