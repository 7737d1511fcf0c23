import { Alert, Card, Tabs, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { DemoHint } from './demo-hint.tsx'
import { useSession } from './session.ts'
import { SignInForm } from './sign-in-form.tsx'
import { SignUpForm } from './sign-up-form.tsx'

/** The first door: sign in, or make an account. Who was signed out is told why. */
export function SignInCard({ title }: { readonly title: string }): ReactNode {
  const { farewell } = useSession()
  return (
    <Card withBorder padding="lg" w="100%" maw={420} component="section" aria-label={title}>
      <Title order={2} size="h4" mb="sm">
        {farewell === null ? title : 'You are signed out'}
      </Title>
      <div role="alert">
        {farewell !== null && (
          <Alert color="orange" variant="light" mb="sm" p="xs" role="presentation" title="Why">
            {farewell}
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
