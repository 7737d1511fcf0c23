import { anyOf, type Authenticator, type Store } from 'sallyport'
import { accessToken, sessionCookie } from 'sallyport/auth/better-auth'
import { type Tickets, tickets } from 'sallyport/auth/tickets'
import { audience, type Identity } from './identity.ts'
import { type People, type Person, personOf } from './people.ts'

/** The user of a socket: the person, and the session that the socket rests on. */
export interface SocketUser extends Person {
  readonly session: string
}

/** What the authentication of sockets is made of. */
export interface SocketAuthParts {
  readonly identity: Identity
  readonly people: People
  /** The issuer of access tokens: our own origin. */
  readonly issuer: string
  /** Where tickets wait to be used. */
  readonly store: Store
}

/** Authenticates sockets by an access token, a ticket, or the session cookie of the site, in this order. */
export interface SocketAuth {
  readonly auth: Authenticator<SocketUser>
  readonly ticket: Tickets<SocketUser>
}

/**
 * Authenticators over our own sessions: whatever the credential, its session must live and its owner not be
 * banned.
 */
export function socketAuth({ identity, people, issuer, store }: SocketAuthParts): SocketAuth {
  const ticket = tickets({ store, user: ({ session }) => userOfSession(people, session) })
  const token = accessToken(identity, { issuer, audience, algorithms: ['ES256'], user: socketUserOf })
  return { auth: anyOf(token, ticket, sessionCookie(identity, { user: socketUserOf })), ticket }
}

function socketUserOf({ user, session }: Identity['$Infer']['Session']): SocketUser | null {
  const { id, name, username = null, role = null, banned = null, banExpires = null } = user
  const person = personOf({ id, name, username, role, banned, banExpires })
  return person && { ...person, session: session.id }
}

/** The visitor behind a session that still lives. */
async function userOfSession(people: People, session: string | null): Promise<SocketUser | null> {
  const found = session === null ? null : await people.session(session)
  return found && { ...found.person, session: found.sessionId }
}
