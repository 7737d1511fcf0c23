import { Button, Group, Text, Textarea } from '@mantine/core'
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { Failure } from '../layout/live-region.tsx'
import { composerLock } from './composer-lock.ts'
import type { ChatSnapshot, ChatChannel } from './contract.ts'
import { draftOf, keepDraft } from './drafts.ts'
import { sendingFailure } from './sending-failure.ts'
import { useOnline } from '../live/use-online.ts'

/** What the composer is made of. */
export interface ComposerProps {
  readonly channel: ChatChannel
  readonly snapshot: ChatSnapshot
  readonly title: string
  /** Whose draft it is. */
  readonly me: string
  readonly room: string
  /** Called while the user writes. */
  readonly onTyping: () => void
}

/** Where messages are written: Enter sends, Shift and Enter makes a line. Locked with the reason where one may not. */
export function Composer({ channel, snapshot, title, me, room, onTyping }: ComposerProps): ReactNode {
  const [text, setText] = useState(() => draftOf(me, room))
  const [failure, setFailure] = useState<string | null>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  const reasonId = useId()
  const lock = composerLock(snapshot, useOnline())

  useEffect(() => keepDraft(me, room, text), [me, room, text])

  useEffect(() => {
    // not on a touch screen, where it would open the keyboard over the messages
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  }, [channel])

  const send = async (): Promise<void> => {
    const draft = text.trim()
    if (draft === '' || lock !== null) return
    setText('')
    setFailure(null)
    try {
      await channel.send('say', { text: draft })
    } catch (error) {
      // back into the field, unless something new was begun there
      setText((now) => now || draft)
      setFailure(`Perhaps not sent: ${sendingFailure(error)}`)
    }
  }
  const pressed = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    void send()
  }

  return (
    <form
      className="composer"
      aria-label="New message"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <Failure message={failure} />
      <Text size="sm" c="dimmed" id={reasonId} className="lock" aria-live="polite">
        {lock?.reason}
      </Text>
      <Group align="flex-end" wrap="nowrap" gap="xs">
        <Textarea
          ref={field}
          className="grow"
          aria-label={`Message to ${title}`}
          // a plain `aria-describedby` is overwritten by Mantine's own
          attributes={{ input: { 'aria-describedby': reasonId } }}
          placeholder={lock === null ? `Message to ${title}` : ''}
          autosize
          minRows={1}
          maxRows={6}
          maxLength={2000}
          value={text}
          // not disabled: it stays in the order of focus, and its reason is read out
          readOnly={lock !== null && !lock.temporary}
          onChange={(event) => {
            setText(event.currentTarget.value)
            if (lock === null) onTyping()
          }}
          onKeyDown={pressed}
        />
        <Button type="submit" disabled={lock !== null || text.trim() === ''}>
          Send
        </Button>
      </Group>
    </form>
  )
}
