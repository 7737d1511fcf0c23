import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import session from 'express-session'
import { WebSocket as Ws } from 'ws'
import { expressSession, followSessions } from '../../src/auth/express-session.ts'
import {
  consumer,
  contract,
  memory,
  type Server,
  type SallyportEvent,
  sallyport,
  text,
} from '../../src/index.ts'
import { listen, type Talk } from '../examples/running.ts'
import { serving } from '../support/serving.ts'

declare module 'express-session' {
  interface SessionData {
    userId?: string | null
    seen?: number
  }
}

export const secret = 'the secret that signs the cookies of this site'
export const owner = ({ userId }: session.SessionData): string | null | undefined => userId
const pulse = contract('/ws/pulse', { client: text, server: text })

/** How a site differs from the usual one. */
export interface Rules {
  readonly maxAge?: number
  readonly lease?: `${number}s`
  readonly secrets?: readonly string[]
  readonly unset?: 'destroy'
  readonly withoutOwner?: boolean
}

/** A site with two nodes for sockets; every request is answered by the first. */
export interface ExpressSite {
  readonly servers: readonly [Server, Server]
  readonly events: readonly SallyportEvent[]
  readonly faults: readonly string[]
  /** POSTs, and answers the status and the cookie to send from now on. */
  post(path: string, cookie?: string): Promise<{ readonly status: number; readonly cookie: string }>
  login(name: string): Promise<string>
  /** Opens a socket at one of the nodes. */
  open(cookie: string, node?: 0 | 1): Promise<Talk & { readonly socket: Ws }>
  /** The code with which a page is refused. */
  refused(cookie: string, node?: 0 | 1): Promise<number>
}

/** An Express site whose sessions are in this store, and a room at two nodes that share a layer. */
export async function expressSite(store: session.Store, rules: Rules = {}): Promise<ExpressSite> {
  const { maxAge, secrets = [secret], unset, lease, withoutOwner = false } = rules
  const [events, faults]: [SallyportEvent[], string[]] = [[], []]
  const user = ({ userId }: session.SessionData): { id: string } | null =>
    userId === null || userId === undefined ? null : { id: userId }
  const auth = expressSession({ store, secret: secrets, user })
  const room = consumer(
    pulse,
    { auth, authorize: () => true, ...(lease === undefined ? {} : { lease }) },
    (socket) => ({
      message: (line) => socket.send(line),
    }),
  )
  const layer = memory()
  const node = (): Server => {
    const report = (error: unknown, doing: string): void => void faults.push(`${doing}: ${String(error)}`)
    const server = sallyport({ layer, report, on: (event) => events.push(event) })
    server.serve(room)
    return server
  }
  const servers = [node(), node()] as const
  followSessions(store, servers[0], withoutOwner ? {} : { owner })
  const app = express()
  const cookie = { sameSite: 'lax', ...(maxAge === undefined ? {} : { maxAge }) } as const
  const kept = { secret: [...secrets], store, cookie, resave: false, saveUninitialized: false }
  app.use(session({ ...kept, ...(unset === undefined ? {} : { unset }) }))
  app.use(routes())
  const addresses = await Promise.all([listening(servers[0], app), listening(servers[1], app)])
  const [first] = addresses
  const post: ExpressSite['post'] = async (path, sent = '') => {
    const answer = await fetch(`http://${first}${path}`, { method: 'POST', headers: { Cookie: sent } })
    const [set] = answer.headers.getSetCookie()
    return { status: answer.status, cookie: set?.split(';', 1)[0] ?? sent }
  }
  const openSocket = (sent: string, at: 0 | 1): Talk & { readonly socket: Ws } => {
    const headers = { Cookie: sent, Origin: `http://${addresses[at]}` }
    const socket = new Ws(`ws://${addresses[at]}/ws/pulse`, { headers })
    return { socket, ...listen(socket) }
  }
  return {
    servers,
    events,
    faults,
    post,
    login: async (name) => (await post(`/login/${name}`)).cookie,
    async open(sent, at = 0) {
      const talk = openSocket(sent, at)
      await once(talk.socket, 'open')
      talk.socket.send('hello')
      const heard = await Promise.race([talk.next(), talk.ended])
      if (heard !== 'hello') throw new Error(`not let in: ${JSON.stringify(heard)}`)
      return talk
    },
    refused: async (sent, at = 0) => (await openSocket(sent, at).ended).code,
  }
}

/** What sites do to their sessions. */
function routes(): express.Router {
  const router = express.Router()
  const settle = (response: express.Response) => (error?: unknown) =>
    void response.sendStatus(error === null || error === undefined ? 204 : 500)
  router.post('/login/:name', (request, response) => {
    request.session.regenerate((error) => {
      request.session.userId = request.params.name
      settle(response)(error)
    })
  })
  router.post('/become/:name', (request, response) => {
    request.session.userId = request.params.name
    response.sendStatus(204)
  })
  router.post('/forget', (request, response) => {
    request.session.userId = null
    response.sendStatus(204)
  })
  router.post('/write', (request, response) => {
    request.session.seen = Date.now()
    response.sendStatus(204)
  })
  router.post('/look', (_, response) => void response.sendStatus(204))
  router.post('/logout', (request, response) => void request.session.destroy(settle(response)))
  router.post('/regenerate', (request, response) => void request.session.regenerate(settle(response)))
  router.post('/unset', (request, response) => {
    // as the documentation of express-session has it
    request.session = null as never
    response.sendStatus(204)
  })
  return router
}

function listening(server: Server, app: express.Express): Promise<string> {
  const httpServer = createServer(app)
  server.attach(httpServer)
  return serving(httpServer, server)
}
