import { Card, Container, Group, SimpleGrid, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { Header } from '../layout/header.tsx'
import { SessionWatch } from '../live/session-watch.tsx'
import { follow } from '../routing/follow.ts'
import { useSession } from '../session/session.ts'
import { isAdmin, type User } from '../session/session-api.ts'
import { SignInCard } from '../session/sign-in-card.tsx'
import { applications } from './applications.ts'
import { demonstrations } from './demonstrations.ts'

/** What Sallyport shows, and the way in. */
export function HomePage(): ReactNode {
  return (
    <>
      <title>Sallyport</title>
      <Header />
      <Container component="main" size="md" py="xl">
        <Title order={1}>Two doors, and a check between them</Title>
        <Text size="lg" mt="sm" maw={680}>
          Sallyport guards WebSockets: <strong>who are you</strong> is asked at the first door,{' '}
          <strong>may you come in here</strong> at the second. What you see here runs on it.
        </Text>
        <SignInOrApplications />
        <Title order={2} size="h3" mt="xl" mb="sm">
          What to look at
        </Title>
        <SimpleGrid component="ul" className="plain-list" cols={{ base: 1, sm: 2 }}>
          {demonstrations.map(({ title, text }) => (
            <Card component="li" withBorder key={title}>
              <Text fw={650}>{title}</Text>
              <Text size="sm" mt={4}>
                {text}
              </Text>
            </Card>
          ))}
        </SimpleGrid>
      </Container>
    </>
  )
}

function SignInOrApplications(): ReactNode {
  const { user } = useSession()
  return (
    <Group mt="xl" align="stretch">
      <SignInCard title="The first door: who are you?" />
      {user && <SessionWatch />}
      {user && <Applications user={user} />}
    </Group>
  )
}

function Applications({ user }: { readonly user: User }): ReactNode {
  return (
    <nav aria-label="Applications">
      <Text mb="sm">Welcome, {user.name}. Where to?</Text>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        {applications.map(
          ({ href, title, text, open, forAdmins }) =>
            (!forAdmins || isAdmin(user)) && (
              <Card key={href} withBorder component="a" href={href} onClick={follow} className="application">
                <Text fw={650} size="lg">
                  {title}
                </Text>
                <Text size="sm" mt={4}>
                  {text}
                </Text>
                <Text mt="sm" className="link-words" aria-hidden>
                  {open} →
                </Text>
              </Card>
            ),
        )}
      </SimpleGrid>
    </nav>
  )
}
