// Tokens as FastAPI's tutorial makes them (security/oauth2-scopes): `sub` is the username, `scopes` what it may do.
import { contract, endpoint, requireScopes, sallyport, text } from 'sallyport'
import type { Authenticator, Server } from 'sallyport'
import { jwt } from 'sallyport/auth/jwt'

/** A user of the tutorial's database. */
export interface User {
  readonly username: string
  readonly disabled: boolean
}

/** Looks a user up, as the tutorial's `get_user` does. */
export type FindUser = (username: string) => Promise<User | null>

/** Who holds a token: `get_current_active_user`. */
export function tokens(secretKey: string, find: FindUser): Authenticator<User> {
  return jwt({
    secret: secretKey,
    subject: ({ sub }) => sub,
    user: async ({ sub }) => {
      const user = await find(sub)
      return user?.disabled === false ? user : null
    },
  })
}

/** A room that takes the scope `chat:write`: `Security(get_current_active_user, scopes=['chat:write'])`. */
export function chat(secretKey: string, find: FindUser): Server {
  const room = contract('/ws/chat/:room', { client: text, server: text })
  const auth = tokens(secretKey, find)
  const server = sallyport()
  server.serve(
    endpoint(room, { auth, authorize: requireScopes('chat:write'), lease: '60s' }, async (socket) => {
      for await (const line of socket) await socket.group().send(`${socket.user.username}: ${line}`)
    }),
  )
  return server
}
