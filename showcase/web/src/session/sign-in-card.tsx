import { Alert, Card, Loader, Tabs, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { Failure } from '../layout/live-region.tsx'
import { DemoHint } from './demo-hint.tsx'
import { useSession } from './session.ts'
import { SignInForm } from './sign-in-form.tsx'
import { SignUpForm } from './sign-up-form.tsx'

/** Sign in, or make an account; says why a session has ended. Shows nothing to a user who is signed in. */
export function SignInCard({ title }: { readonly title: string }): ReactNode {
  const { user, failure, endReason } = useSession()
  if (user === undefined)
    return (
      <>
        {failure === null && <Loader aria-label="Asking who you are" />}
        <Failure message={failure} />
      </>
    )
  if (user !== null) return null
  return (
    <Card withBorder padding="lg" w="100%" maw={420} component="section" aria-label={title}>
      <Title order={2} size="h4" mb="sm">
        {endReason === null ? title : 'You are signed out'}
      </Title>
      <div role="alert">
        {endReason !== null && (
          <Alert color="orange" variant="light" mb="sm" p="xs" role="presentation" title="Why">
            {endReason}
          </Alert>
        )}
      </div>
      <Tabs defaultValue="sign-in" keepMounted={false}>
        <Tabs.List grow mb="md">
          <Tabs.Tab value="sign-in">Sign in</Tabs.Tab>
          <Tabs.Tab value="sign-up">Create account</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="sign-in">
          <SignInForm />
        </Tabs.Panel>
        <Tabs.Panel value="sign-up">
          <SignUpForm />
        </Tabs.Panel>
      </Tabs>
      <DemoHint />
    </Card>
  )
}
