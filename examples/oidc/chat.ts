// A room for users of an OpenID provider, with either kind of access token. The provider says when a session ends.
import { createServer, type Server as HttpServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { anyOf, contract, endpoint, type Server, requireScopes, sallyport, text } from 'sallyport'
import { backchannelLogout, introspection, type LogoutEvent, oidc, provider } from 'sallyport/auth/oidc'

/** What the provider knows this site by. */
export interface Registration {
  readonly issuer: string
  /** The names of the API in signed and in opaque tokens. */
  readonly audience: readonly string[]
  /** The client that people sign in to, and the one that introspects. */
  readonly site: string
  readonly api: { readonly id: string; readonly secret: string }
  readonly log: (event: LogoutEvent) => void
}

/** A room that takes the scope `chat:write`, and the site whose back-channel logout ends its sockets. */
export function chat({ issuer, audience, site, api, log }: Registration): [Server, HttpServer] {
  const id = provider({ issuer, subject: ({ sub }) => sub })
  const user = ({ sub }: { sub: string }): { id: string } => ({ id: sub })
  const auth = anyOf(
    oidc({ provider: id, audience, user }),
    introspection({ provider: id, client: api, audience, user }),
  )
  const server = sallyport()
  const room = contract('/ws/chat/:room', { client: text, server: text })
  server.serve(
    endpoint(room, { auth, authorize: requireScopes('chat:write'), lease: '60s' }, async (socket) => {
      for await (const line of socket) await socket.group().send(`${socket.user.id}: ${line}`)
    }),
  )
  const end = { provider: id, client: site, server, store: server.store, ends: 'session', on: log } as const
  const logout = backchannelLogout(end)
  // whatever else a site answers: here the provider is the only one who asks
  const httpServer = createServer(getRequestListener(logout))
  server.attach(httpServer)
  return [server, httpServer]
}
