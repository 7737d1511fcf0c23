import { Card, Container, Group, Loader, SimpleGrid, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { Failure } from '../layout/failure.tsx'
import { Header } from '../layout/header.tsx'
import { follow } from '../routing/follow.ts'
import { useSession } from '../session/session.ts'
import { SignInCard } from '../session/sign-in-card.tsx'
import { doors } from './doors.ts'

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
        <Entrance />
        <Title order={2} size="h3" mt="xl" mb="sm">
          What to look at
        </Title>
        <SimpleGrid component="ul" className="plain-list" cols={{ base: 1, sm: 2 }}>
          {doors.map(({ title, text }) => (
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

function Entrance(): ReactNode {
  const { user, failure } = useSession()
  return (
    <Group mt="xl" align="stretch">
      {user === undefined && failure === null && <Loader aria-label="Asking who you are" />}
      <Failure message={user === undefined ? failure : null} />
      {user === null && <SignInCard title="The first door: who are you?" />}
      {user && <Applications name={user.name} />}
    </Group>
  )
}

function Applications({ name }: { readonly name: string }): ReactNode {
  return (
    <nav aria-label="Applications">
      <Text mb="sm">Welcome, {name}. Choose a room behind the second door:</Text>
      <Card withBorder component="a" href="/chat" onClick={follow} className="application" maw={420}>
        <Text fw={650} size="lg">
          Chat
        </Text>
        <Text size="sm" mt={4}>
          Public, members-only and read-only rooms; who is here, who is typing, and what was said before.
        </Text>
        <Text mt="sm" className="link-words" aria-hidden>
          Open the chat →
        </Text>
      </Card>
    </nav>
  )
}
