import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { betterAuth, type BetterAuthOptions } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { admin, bearer, jwt, organization } from 'better-auth/plugins'
import { WebSocket as Ws } from 'ws'
import { accessToken, revocations, sessionCookie, sessionToken } from '../../src/auth/better-auth.ts'
import {
  anyOf,
  contract,
  endpoint,
  type Layer,
  memory,
  type Server,
  sallyport,
  text,
  type UserOf,
} from '../../src/index.ts'
import { listen, type Talk } from '../examples/running.ts'
import { serving } from '../support/serving.ts'

/** How a test's better-auth differs from the usual one. */
export interface SiteOptions {
  readonly storage?: Pick<BetterAuthOptions, 'secondaryStorage' | 'session'>
  readonly baseURL?: string
  /** Whether our plugin is in it. */
  readonly revoking?: boolean
  readonly passwords?: 'end-sessions' | 'leave-sessions'
  readonly layer?: Layer
}

/** Someone with an account, signed in once. */
export interface Person {
  readonly id: string
  readonly email: string
  /** The `Cookie` header. */
  readonly cookie: string
  /** What the bearer plugin has issued. */
  readonly token: string
}

const line = contract('/line', { client: text, server: text })
export const password = 'correct horse battery'

/** What every better-auth of these tests has: a secret of its own, and nothing that is sent, limited or logged. */
export function quietly(database: DatabaseSync) {
  return {
    secret: randomBytes(32).toString('base64'),
    database,
    telemetry: { enabled: false },
    rateLimit: { enabled: false },
    logger: { disabled: true },
  }
}

/** Passwords that cost no time to hash. */
export const plainPasswords = {
  enabled: true,
  password: {
    hash: async (plain: string): Promise<string> => `plain:${plain}`,
    verify: async (attempt: { readonly hash: string; readonly password: string }): Promise<boolean> =>
      attempt.hash === `plain:${attempt.password}`,
  },
}

/** better-auth as a test sets it up: e-mail and password, admin, bearer, jwt, organization, and our plugin. */
// the return type is better-auth's own inference over the plugins
export function authFor(
  database: DatabaseSync,
  server: Pick<Server, 'revoke' | 'recheck'>,
  options: SiteOptions,
) {
  const { storage = {}, passwords = 'end-sessions', baseURL = 'http://127.0.0.1', revoking = true } = options
  return betterAuth({
    baseURL,
    trustedOrigins: ['http://127.0.0.1'],
    ...quietly(database),
    emailAndPassword: {
      ...plainPasswords,
      sendResetPassword: async ({ token }) => void mails.push(token),
    },
    user: { deleteUser: { enabled: true } },
    plugins: [
      admin(),
      bearer({ requireSignature: true }),
      jwt({ jwt: { audience: 'line', definePayload: ({ session }) => ({ sid: session.id }) } }),
      organization(),
      ...(revoking ? [revocations({ server, passwords })] : []),
    ],
    ...storage,
  })
}

/** The tokens of password resets that were mailed. */
export const mails: string[] = []

/** Welcomes people by name and role, and tells them when role or organisation have changed. */
export function serve(server: Server, auth: ReturnType<typeof authFor>): void {
  const rights = {
    user: ({ user, session }: typeof auth.$Infer.Session) => ({
      name: user.name,
      rights: `${user.role}${session.activeOrganizationId === null ? '' : ' of an organization'}`,
    }),
  }
  const tokens = accessToken(auth, { ...rights, issuer: 'http://127.0.0.1', audience: 'line' })
  const member = anyOf(tokens, sessionToken(auth, rights), sessionCookie(auth, rights))
  const authorize = ({ user }: { readonly user: UserOf<typeof member> }): { rights: string } => ({
    rights: user.rights,
  })
  server.serve(
    endpoint(line, { auth: member, authorize }, async (socket) => {
      socket.send(`welcome, ${socket.user.name}`)
      for await (const { rights: now } of socket.grants()) socket.send(now)
    }),
  )
}

/** A real better-auth behind a real server, and an endpoint that welcomes people by name and role. */
// the return type names better-auth's inferred one
export async function betterAuthSite(options: SiteOptions = {}) {
  const database = new DatabaseSync(':memory:')
  const server = sallyport({
    layer: options.layer ?? memory(),
    origins: ['http://127.0.0.1'],
    report: () => {},
  })
  const commands: string[] = []
  const auth = authFor(database, notingCommands(server, commands), options)
  await (await getMigrations(auth.options)).runMigrations()
  serve(server, auth)
  const httpServer = createServer(toNodeHandler(auth))
  server.attach(httpServer)
  const host = await serving(httpServer, server)

  const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://${host}/api/auth${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', Origin: 'http://127.0.0.1', ...headers },
    })
  const open = (headers: Record<string, string>): Talk => listen(new Ws(`ws://${host}/line`, { headers }))
  return {
    auth,
    /** What our plugin has published: `revoke session`, `recheck user` and the like. */
    commands,
    database,
    server,
    host,
    post,
    open,
    /** Opens a socket with a session cookie, and waits until it is inside. */
    async openSignedIn(cookie: string): Promise<Talk> {
      const talk = open({ Cookie: cookie, Origin: 'http://127.0.0.1' })
      await talk.next()
      await talk.next()
      return talk
    },
    /** How a handshake with a session cookie ends, when it is refused. */
    refusedCookie: async (cookie: string): Promise<number> =>
      (await open({ Cookie: cookie, Origin: 'http://127.0.0.1' }).ended).code,
    async signUp(name: string): Promise<Person> {
      const email = `${name}@example.com`
      const answer = await post('/sign-up/email', { name, email, password })
      const { user } = (await answer.json()) as { user: { id: string } }
      return { id: user.id, email, ...issued(answer) }
    },
    async signIn(
      { email }: Pick<Person, 'email'>,
      secret = password,
    ): Promise<{ cookie: string; token: string }> {
      return issued(await post('/sign-in/email', { email, password: secret }))
    },
    /** Makes someone an administrator, by SQL as the first one is made. */
    async administrator(): Promise<Person> {
      const person = await this.signUp('root')
      database.prepare(`update user set role = 'admin' where id = ?`).run(person.id)
      return person
    },
    async get(path: string, headers: Record<string, string>): Promise<unknown> {
      return (await fetch(`http://${host}/api/auth${path}`, { headers })).json()
    },
  }
}

/** A secondary storage in memory, and what a session's options say of it. */
export function stored(session: object) {
  const entries = new Map<string, string>()
  return {
    secondaryStorage: {
      get: async (key: string) => entries.get(key) ?? null,
      set: async (key: string, value: string) => void entries.set(key, value),
      delete: async (key: string) => void entries.delete(key),
      getAndDelete: async (key: string) => {
        const value = entries.get(key) ?? null
        entries.delete(key)
        return value
      },
      increment: async () => 1,
    },
    session,
  }
}

/** The server, with a note of the user or session that each access command names. */
function notingCommands(server: Server, commands: string[]): Pick<Server, 'revoke' | 'recheck'> {
  return {
    revoke(whom) {
      commands.push(`revoke ${whom.user === undefined ? 'session' : 'user'}: ${whom.reason}`)
      return server.revoke(whom)
    },
    recheck(whom) {
      commands.push(`recheck ${whom.user === undefined ? 'session' : 'user'}`)
      return server.recheck(whom)
    },
  }
}

function issued(answer: Response): { cookie: string; token: string } {
  const [cookie = ''] = (answer.headers.get('set-cookie') ?? '').split(';')
  return { cookie, token: answer.headers.get('set-auth-token') ?? '' }
}
