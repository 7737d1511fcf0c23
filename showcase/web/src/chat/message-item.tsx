import { Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Message } from './contract.ts'

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })

/** One message. One that continues the author's last one goes without the name, but not for screen readers. */
export function MessageItem({
  message,
  mine,
  continued,
}: {
  readonly message: Message
  readonly mine: boolean
  readonly continued: boolean
}): ReactNode {
  const { from, text, at } = message
  return (
    <li className="message" data-mine={mine} data-continued={continued}>
      <div className="message-head">
        <Text span fw={650} size="sm">
          {mine ? 'You' : from}
        </Text>
        <Text span size="xs" c="dimmed">
          <time dateTime={new Date(at).toISOString()} title={whole.format(at)}>
            {time.format(at)}
          </time>
        </Text>
      </div>
      <p className="message-text" title={whole.format(at)}>
        {text}
      </p>
    </li>
  )
}
