import { Button, Loader, Text } from '@mantine/core'
import { type ReactNode, useRef } from 'react'
import { Failure } from '../layout/live-region.tsx'
import { type Day, continues, days } from './days.ts'
import { MessageItem } from './message-item.tsx'
import type { Messages } from './use-messages.ts'
import { useScroll } from './use-scroll.ts'
import { useInView } from './use-in-view.ts'

const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'full' })

/** What was said, the newest at the end; scrolling up brings older pages. */
export function MessageList({
  messages,
  me,
}: {
  readonly messages: Messages
  readonly me: string
}): ReactNode {
  const { messages: all, complete, loading, failure, loadOlder } = messages
  const list = useRef<HTMLElement>(null)
  const top = useRef<HTMLDivElement>(null)
  useScroll(list, { first: all[0]?.id, last: all.at(-1)?.id })
  const hasOlder = all.length > 0 && !complete
  // after a failure only the button asks again, or a broken line would be asked without end
  useInView(top, hasOlder && !loading && failure === null, () => void loadOlder())

  return (
    <section ref={list} className="messages focusable" aria-label="Messages" aria-busy={loading} tabIndex={0}>
      <div ref={top} className="messages-top">
        {loading && <Loader size="sm" aria-label="Loading messages" />}
        {hasOlder && !loading && (
          <Button variant="subtle" size="xs" onClick={() => void loadOlder()}>
            Older messages
          </Button>
        )}
        {complete && (
          <Text size="sm" c="dimmed">
            {all.length === 0 ? 'Nothing has been said here yet.' : 'This is where the room begins.'}
          </Text>
        )}
        <Failure message={failure} />
      </div>
      {days(all).map((day) => (
        <DayOfMessages key={day.key} day={day} me={me} />
      ))}
    </section>
  )
}

function DayOfMessages({ day, me }: { readonly day: Day; readonly me: string }): ReactNode {
  const { at, messages } = day
  return (
    <>
      <Text component="h3" size="xs" c="dimmed" className="day">
        {date.format(at)}
      </Text>
      <ol className="plain-list">
        {messages.map((message, index) => (
          <MessageItem
            key={message.id}
            message={message}
            mine={message.by === me}
            continued={continues(message, messages[index - 1])}
          />
        ))}
      </ol>
    </>
  )
}
