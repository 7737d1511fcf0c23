import { DatabaseSync } from 'node:sqlite'
import { randomBytes, randomUUID } from 'node:crypto'
import type { Adapter, AdapterSession, AdapterUser } from '@auth/core/adapters'
import { expect, test } from 'vitest'
import { member, signedOut } from '../../examples/sessions/authjs-database.ts'
import { type AuthjsSite, authjsSite } from './authjs-site.ts'

const mails: string[] = []
const cookie = 'authjs.session-token'

/** A site whose people sign in with a link that is mailed to them; their sessions are rows. */
function linkSite(adapter: Adapter): Promise<AuthjsSite> {
  return authjsSite(member(adapter, cookie), (server) => ({
    secret: randomBytes(32).toString('base64'),
    adapter,
    providers: [
      {
        id: 'mail',
        type: 'email',
        name: 'Mail',
        from: 'site@example.com',
        maxAge: 600,
        sendVerificationRequest: ({ url }) => void mails.push(url),
        options: {},
      },
    ],
    events: { signOut: (message) => signedOut(server, message) },
  }))
}

async function signIn({ browser }: AuthjsSite): Promise<void> {
  await browser.submit('/signin/mail', { email: 'ada@example.com' })
  const { pathname, search } = new URL(mails.pop() ?? '')
  await browser.get(pathname.replace('/auth', '') + search)
}

test('a session of Auth.js that is a row opens a socket to its user', async () => {
  const site = await linkSite(adapterOn(new DatabaseSync(':memory:')))
  await signIn(site)
  expect(site.browser.cookies()).toContain(`${cookie}=`)
  expect(await site.open().next()).toBe('welcome, ada@example.com')
})

test('a sign-out from Auth.js ends the sockets of the row that it deletes', async () => {
  const site = await linkSite(adapterOn(new DatabaseSync(':memory:')))
  await signIn(site)
  const [talk, copy] = [site.open(), site.browser.cookies()]
  await talk.next()
  await site.browser.submit('/signout', {})
  expect(await talk.ended).toEqual({ code: 4401, reason: 'revoked: signed-out' })
  expect((await site.open(copy).ended).code).toBe(4401)
})

test('a row of Auth.js that is unknown or over is no session', async () => {
  const database = new DatabaseSync(':memory:')
  const site = await linkSite(adapterOn(database))
  await signIn(site)
  expect((await site.open(`${cookie}=${randomUUID()}`).ended).code).toBe(4401)
  database.exec('update session set expires = 1000')
  expect((await site.open().ended).code).toBe(4401)
})

/** An adapter of Auth.js on SQLite, with what these tests need of one. */
function adapterOn(database: DatabaseSync): Adapter {
  database.exec(`
    create table person (id text primary key, email text unique, emailVerified integer);
    create table session (sessionToken text primary key, userId text, expires integer);
    create table link (identifier text, token text, expires integer)`)
  const user = (sql: string, value: string): AdapterUser | null => {
    const row = database.prepare(sql).get(value)
    return row === undefined
      ? null
      : { id: String(row['id']), email: String(row['email']), emailVerified: null }
  }
  const session = (token: string): AdapterSession | null => {
    const row = database.prepare('select * from session where sessionToken = ?').get(token)
    return row === undefined
      ? null
      : { sessionToken: token, userId: String(row['userId']), expires: new Date(Number(row['expires'])) }
  }
  return {
    async createUser({ email }) {
      const id = randomUUID()
      database.prepare('insert into person (id, email) values (?, ?)').run(id, email)
      return { id, email, emailVerified: null }
    },
    getUser: async (id) => user('select * from person where id = ?', id),
    getUserByEmail: async (email) => user('select * from person where email = ?', email),
    getUserByAccount: async () => null,
    updateUser: async ({ id }) => {
      const found = user('select * from person where id = ?', id)
      if (found === null) throw new Error('no user')
      return found
    },
    async createSession(made) {
      database
        .prepare('insert into session values (?, ?, ?)')
        .run(made.sessionToken, made.userId, made.expires.getTime())
      return made
    },
    async getSessionAndUser(token) {
      const found = session(token)
      const owner = found && user('select * from person where id = ?', found.userId)
      return found && owner && { session: found, user: owner }
    },
    updateSession: async ({ sessionToken }) => session(sessionToken),
    async deleteSession(token) {
      const found = session(token)
      database.prepare('delete from session where sessionToken = ?').run(token)
      return found
    },
    async createVerificationToken(made) {
      database
        .prepare('insert into link values (?, ?, ?)')
        .run(made.identifier, made.token, made.expires.getTime())
      return made
    },
    async useVerificationToken({ identifier, token }) {
      const row = database
        .prepare('delete from link where identifier = ? and token = ? returning expires')
        .get(identifier, token)
      return row === undefined ? null : { identifier, token, expires: new Date(Number(row['expires'])) }
    },
  }
}
