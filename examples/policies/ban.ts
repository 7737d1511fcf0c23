// A ban is a policy: a row that `authorize` looks at, and one call that ends open sockets. So it holds for a
// user who comes back, for a handshake that is under way, and until its time is over.
import { type Authenticator, consumer, contract, deny, type Messenger } from 'sallyport'
import { z } from 'zod'

export const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string().min(1).max(2000) }) },
  server: { said: z.object({ from: z.string().max(64), text: z.string().max(2000) }) },
})

/** A row of the table of bans: who, where, why, and until when. */
export interface Ban {
  readonly user: string
  readonly room: string
  readonly reason: string
  readonly until: Date
}
/** That table. */
export interface Bans {
  find(user: string, room: string): Promise<Ban | null>
  add(ban: Ban): Promise<void>
}

/** A room that refuses the users who are banned from it. */
export function room<U extends { readonly id: string }>(auth: Authenticator<U>, bans: Bans) {
  const authorize = async ({ user, params }: { user: U; params: { room: string } }): Promise<true> => {
    const ban = await bans.find(user.id, params.room)
    if (ban === null || ban.until.getTime() <= Date.now()) return true
    return deny(403, 'banned', ban.reason, { retryAfterMs: ban.until.getTime() - Date.now() })
  }
  return consumer(chat, { auth, authorize, lease: '60s' }, (socket) => ({
    on: { say: ({ text }) => socket.group().send('said', { from: socket.user.id, text }) },
  }))
}

/** Writes the row first, so that no socket slips in between, then revokes. Returns how many sockets were closed, and where. */
export async function banFrom(server: Pick<Messenger, 'revoke'>, bans: Bans, ban: Ban) {
  await bans.add(ban)
  return server.revoke({ user: ban.user, at: [chat, { room: ban.room }], reason: ban.reason })
}
