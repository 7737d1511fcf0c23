import { PasswordInput } from '@mantine/core'
import type { ReactNode } from 'react'

/** A field for a password that is being chosen. */
export function NewPasswordInput(props: { readonly name: string; readonly label: string }): ReactNode {
  return (
    <PasswordInput
      {...props}
      description="At least 8 characters."
      autoComplete="new-password"
      minLength={8}
      required
    />
  )
}
