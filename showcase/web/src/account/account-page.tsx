import { Container, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { SignedInPage } from '../session/signed-in-page.tsx'
import type { User } from '../session/session-api.ts'
import './account.css'
import { PasswordForm } from './password-form.tsx'
import { SessionsSection } from './sessions-section.tsx'

/** One's own account: where one is signed in, and the password. */
export function AccountPage(): ReactNode {
  return (
    <SignedInPage skip="Skip to the content" title="Sign in to your account">
      {(user) => <Account key={user.id} user={user} />}
    </SignedInPage>
  )
}

function Account({ user }: { readonly user: User }): ReactNode {
  return (
    <Container component="main" id="main" size="md" py="lg">
      <title>Your account · Sallyport</title>
      <Title order={1} size="h2">
        {user.name}
      </Title>
      <Text c="dimmed" mb="lg">
        {user.username ?? 'Your account'}
      </Text>
      <Stack gap="lg">
        <SessionsSection />
        <PasswordForm username={user.username ?? ''} />
      </Stack>
    </Container>
  )
}
