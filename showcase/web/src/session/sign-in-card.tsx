import { Card, Tabs, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { DemoHint } from './demo-hint.tsx'
import { SignInForm } from './sign-in-form.tsx'
import { SignUpForm } from './sign-up-form.tsx'

/** The first door: sign in, or make an account. */
export function SignInCard({ title }: { readonly title: string }): ReactNode {
  return (
    <Card withBorder padding="lg" w="100%" maw={420} component="section" aria-label={title}>
      <Title order={2} size="h4" mb="sm">
        {title}
      </Title>
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
