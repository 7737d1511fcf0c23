import { Button } from '@mantine/core'
import { type ReactNode, useCallback, useEffect, useState } from 'react'
import { useLoaded } from '../http/use-loaded.ts'
import { Announcer } from './announcer.tsx'
import { Composer } from './composer.tsx'
import type { ChatSnapshot, ChatChannel } from './contract.ts'
import { MessageList } from './message-list.tsx'
import { PeoplePanel } from './people-panel.tsx'
import { RoomHeader } from './room-header.tsx'
import type { RoomViewProps } from './room-view.tsx'
import { readRoom } from './rooms-api.ts'
import { TypingLine } from './typing-line.tsx'
import { useMessages } from './use-messages.ts'
import { useTyping } from './use-typing.ts'

/** What the inside of a room is given. */
export interface RoomInsideProps extends RoomViewProps {
  readonly channel: ChatChannel
  readonly snapshot: ChatSnapshot
}

/** A room that is open, or will be again: messages, composer, people. */
export function RoomInside({ room, title, user, onLeft, channel, snapshot }: RoomInsideProps): ReactNode {
  const { state, grant, count } = snapshot
  const messages = useMessages(channel, state)
  const typing = useTyping(channel, user.id)
  const [peopleShown, setPeopleShown] = useState(false)
  const about = useLoaded(useCallback((signal) => readRoom(room, signal), [room]))
  const { reload } = about
  useEffect(() => {
    // a line that opened, or a grant that changed, may mean that roles have changed
    if (state === 'open') void reload()
  }, [state, grant, reload])

  return (
    <>
      <main className="room" id="main">
        <RoomHeader title={about.value?.title ?? title} snapshot={snapshot} room={about.value}>
          <Button
            className="people-switch"
            size="xs"
            variant="default"
            aria-expanded={peopleShown}
            aria-controls="people"
            onClick={() => setPeopleShown(!peopleShown)}
          >
            People ({count})
          </Button>
        </RoomHeader>
        <MessageList messages={messages} me={user.id} />
        <Announcer channel={channel} me={user.id} />
        <TypingLine names={typing.names} />
        <Composer
          channel={channel}
          snapshot={snapshot}
          title={title}
          me={user.id}
          room={room}
          onTyping={typing.notify}
        />
      </main>
      <aside className="people" id="people" data-shown={peopleShown} aria-label="People in this room">
        <PeoplePanel room={about} presence={snapshot} me={user.id} onLeft={onLeft} />
      </aside>
    </>
  )
}
