import { type Authenticator, consumer, deny } from 'sallyport'
import { chat } from './contract.ts'
import type { Visitor } from '../identity/socket-auth.ts'
import type { Messages } from './messages.ts'
import type { OpenSockets } from '../account/open-sockets.ts'
import type { Membership, Rooms } from './rooms.ts'

/** What the chat is made of. */
export interface ChatParts {
  readonly auth: Authenticator<Visitor>
  readonly rooms: Rooms
  readonly messages: Messages
  readonly sockets: OpenSockets
  /** Called when a person has sent a message: the session is in use. */
  readonly active: (session: string) => void
}

/**
 * The chat rooms: who is signed in and may be in the room comes in, and each message is asked for again,
 * because a role may have changed since the door. Roles that change while one is inside lock the room, unlock it, or end it.
 *
 * @example server.serve(router([chatRooms(parts)]))
 */
// the return type is what `consumer` makes of the contract
export function chatRooms({ auth, rooms, messages, sockets, active }: ChatParts) {
  return consumer(
    chat,
    {
      auth,
      lease: '60s',
      authorize: async ({ user, params, why }) =>
        (await rooms.membership(user.id, params.room)) ?? (why === 'open' ? null : shownOut()),
      presence: ({ user }) => ({ name: user.name }),
    },
    (socket) => {
      const { room } = socket.params
      const group = socket.group()
      let leave: (() => void) | undefined

      const membership = async (): Promise<Membership> => {
        const found = await rooms.membership(socket.user.id, room)
        if (found !== null) return found
        socket.close(4403, `forbidden: ${outWords}`)
        return shownOut()
      }
      const writing = async (): Promise<void> => {
        if (!(await membership()).canWrite)
          deny(403, 'read-only', 'You may read this room, but not write in it.')
      }

      return {
        open: () => {
          leave = sockets.enter(socket, { kind: 'room', room })
        },
        on: {
          say: async ({ text }) => {
            await writing()
            // banned or signed out while it was looked up: it is not said. A person who left has said it before
            socket.assertAllowed()
            active(socket.user.session)
            await group.send('said', await messages.save(room, socket.user, text))
          },
          typing: async () => {
            await writing()
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
        close: () => leave?.(),
      }
    },
  )
}

const outWords = 'You are no longer in this room.'

function shownOut(): never {
  return deny(403, 'forbidden', outWords)
}
