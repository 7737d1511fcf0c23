import { Anchor, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { follow } from '../routing/follow.ts'
import { ConnectionStatus } from '../live/connection-status.tsx'
import type { ChatSnapshot } from './contract.ts'
import { RoomMarks } from './room-list.tsx'
import type { RoomWithMembers } from './rooms-api.ts'

/** What stands above a room. */
export interface RoomHeaderProps {
  readonly title: string
  readonly snapshot: ChatSnapshot
  readonly room?: RoomWithMembers | null
  /** Buttons at its end. */
  readonly children?: ReactNode
}

/** Which room it is, and the state of its connection. */
export function RoomHeader({ title, snapshot, room = null, children }: RoomHeaderProps): ReactNode {
  return (
    <div className="room-header">
      <div className="room-name">
        <Anchor href="/chat" onClick={follow} className="to-rooms" size="sm">
          ← Rooms
        </Anchor>
        <Title order={1} size="h4" className="room-title">
          {title}
        </Title>
        {room && <RoomMarks room={room} />}
      </div>
      <ConnectionStatus snapshot={snapshot} />
      {children}
    </div>
  )
}
