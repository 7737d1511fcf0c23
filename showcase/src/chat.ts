import { type Authenticator, consumer, deny } from 'sallyport'
import { chat } from './contracts.ts'
import type { Visitor } from './doors.ts'
import type { LiveSockets } from './live-sockets.ts'
import type { Messages } from './messages.ts'
import type { Membership, Rooms } from './rooms.ts'

/** What the chat is made of. */
export interface ChatParts {
  readonly auth: Authenticator<Visitor>
  readonly rooms: Rooms
  readonly messages: Messages
  readonly live: LiveSockets
}

/**
 * The chat rooms: who is signed in and may be in the room comes in, and each message is asked for again,
 * because a role may have changed since the door.
 *
 * @example port.serve(router([chatRooms(parts)]))
 */
// the return type is what `consumer` makes of the contract
export function chatRooms({ auth, rooms, messages, live }: ChatParts) {
  return consumer(
    chat,
    {
      auth,
      authorize: ({ user, params }) => rooms.membership(user.id, params.room),
      presence: ({ user }) => ({ name: user.name }),
    },
    (socket) => {
      const { room } = socket.params
      const group = socket.group()
      let leave: (() => void) | undefined

      const membership = async (): Promise<Membership> => {
        const found = await rooms.membership(socket.user.id, room)
        if (found !== null) return found
        socket.close(4403, 'forbidden: you are no longer in this room')
        return deny(403, 'forbidden', 'You are no longer in this room.')
      }
      const writing = async (): Promise<void> => {
        if (!(await membership()).canWrite)
          deny(403, 'read-only', 'You may read this room, but not write in it.')
      }

      return {
        open: () => {
          leave = live.enter(socket)
        },
        on: {
          say: async ({ text }) => {
            await writing()
            await group.send('said', await messages.save(room, socket.user, text))
          },
          typing: async () => {
            await writing()
            await group.send('typing', { from: socket.user.name, by: socket.user.id }, { except: socket })
          },
        },
        calls: {
          history: async ({ before }) => {
            await membership()
            return [...(await messages.page(room, before)).messages]
          },
        },
        close: () => leave?.(),
      }
    },
  )
}
