import { type Authenticator, consumer, deny } from 'sallyport'
import { chat } from './contract.ts'
import type { SocketUser } from '../identity/socket-auth.ts'
import type { Messages } from './messages.ts'
import type { OpenSockets } from '../account/open-sockets.ts'
import type { Membership, Rooms } from './rooms.ts'

/** What the chat is made of. */
export interface ChatParts {
  readonly auth: Authenticator<SocketUser>
  readonly rooms: Rooms
  readonly messages: Messages
  readonly sockets: OpenSockets
  /** Called when a person has sent a message: the session is in use. */
  readonly markActive: (session: string) => void
}

/**
 * The chat rooms: open to signed-in users who may be in the room. The role is asked for again at each message,
 * because it may have changed. A role that changes locks the open room, unlocks it, or ends it.
 *
 * @example server.serve(router([chatRooms(parts)]))
 */
// the return type is what `consumer` makes of the contract
export function chatRooms({ auth, rooms, messages, sockets, markActive }: ChatParts) {
  return consumer(
    chat,
    {
      auth,
      lease: '60s',
      authorize: async ({ user, params, why }) =>
        (await rooms.membership(user.id, params.room)) ?? (why === 'open' ? null : denyRemoved()),
      presence: ({ user }) => ({ name: user.name }),
    },
    (socket) => {
      const { room } = socket.params
      const group = socket.group()

      const membership = async (): Promise<Membership> => {
        const found = await rooms.membership(socket.user.id, room)
        if (found !== null) return found
        socket.close(4403, `forbidden: ${removedText}`)
        return denyRemoved()
      }
      const assertMayWrite = async (): Promise<void> => {
        if (!(await membership()).canWrite)
          deny(403, 'read-only', 'You may read this room, but not write in it.')
      }

      return {
        ...sockets.follow(socket, { kind: 'room', room }),
        on: {
          say: async ({ text }) => {
            await assertMayWrite()
            // banned or signed out while it was looked up: it is not said. A person who left has said it before
            socket.assertAllowed()
            markActive(socket.user.session)
            await group.send('said', await messages.save(room, socket.user, text))
          },
          typing: async () => {
            await assertMayWrite()
            socket.assertAllowed()
            await group.send('typing', { from: socket.user.name, by: socket.user.id }, { except: socket })
          },
        },
        calls: {
          history: async ({ before }) => {
            await membership()
            return [...(await messages.page(room, before)).messages]
          },
        },
      }
    },
  )
}

const removedText = 'You are no longer in this room.'

function denyRemoved(): never {
  return deny(403, 'forbidden', removedText)
}
