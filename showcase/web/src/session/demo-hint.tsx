import { Alert, Code, Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** Where the demonstration's people are found. Shown only on the machine that runs the server: nowhere else has them. */
export function DemoHint(): ReactNode {
  if (!isThisMachine(location.hostname)) return null
  return (
    <Alert mt="md" variant="light" color="gray" title="Trying it out?" role="note">
      <Text size="sm">
        A development server makes the people <Code>ada</Code>, <Code>grace</Code>, <Code>linus</Code> and{' '}
        <Code>margaret</Code> at its first start, and prints their passwords once, in the terminal where it
        runs.
      </Text>
    </Alert>
  )
}

function isThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
