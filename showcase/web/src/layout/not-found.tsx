import { Anchor, Container, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { follow } from '../routing/follow.ts'
import { Header } from './header.tsx'

/** There is no such page. */
export function NotFound(): ReactNode {
  return (
    <>
      <Header />
      <NothingHere />
    </>
  )
}

/** That there is nothing here, and the way back. */
export function NothingHere(): ReactNode {
  return (
    <Container component="main" id="main" py="xl">
      <title>Nothing here · Sallyport</title>
      <Title order={1} size="h2">
        There is nothing here
      </Title>
      <Text mt="sm">
        <Anchor href="/" onClick={follow}>
          Back to the entrance
        </Anchor>
      </Text>
    </Container>
  )
}
