import { Text } from '@mantine/core'
import type { ReactNode } from 'react'

/** The names of the people who are typing. The empty line keeps its place, so that the page does not jump. */
export function TypingLine({ names }: { readonly names: readonly string[] }): ReactNode {
  return (
    <Text size="sm" c="dimmed" className="typing" role="status" aria-label="Typing">
      {words(names)}
    </Text>
  )
}

function words(names: readonly string[]): string {
  const [first, second] = names
  if (first === undefined) return ''
  if (second === undefined) return `${first} is typing…`
  return names.length === 2 ? `${first} and ${second} are typing…` : 'Several people are typing…'
}
