import { anyOf, type Authenticator, type Store } from 'sallyport'
import { accessToken, sessionCookie } from 'sallyport/auth/better-auth'
import { type Tickets, tickets } from 'sallyport/auth/tickets'
import { audience, type Identity } from './identity.ts'
import { type People, type Person, personOf } from './people.ts'

/** Who is inside a socket: the person, and the session that speaks for them. */
export interface Visitor extends Person {
  readonly session: string
}

/** What the first door of the sockets is made of. */
export interface DoorParts {
  readonly identity: Identity
  readonly people: People
  /** The issuer of access tokens: our own origin. */
  readonly issuer: string
  /** Where tickets wait to be used. */
  readonly store: Store
}

/** The first door: an access token, a ticket, or the session cookie of the site, in this order. */
export interface Doors {
  readonly auth: Authenticator<Visitor>
  readonly ticket: Tickets<Visitor>
}

/**
 * Authenticators over our own sessions: whatever the credential, its session must live and its owner not be
 * banned.
 */
export function doors({ identity, people, issuer, store }: DoorParts): Doors {
  const ticket = tickets({ store, user: ({ session }) => living(people, session) })
  const token = accessToken(identity, { issuer, audience, algorithms: ['ES256'], user: visitorOf })
  return { auth: anyOf(token, ticket, sessionCookie(identity, { user: visitorOf })), ticket }
}

function visitorOf({ user, session }: Identity['$Infer']['Session']): Visitor | null {
  const { id, name, username = null, role = null, banned = null, banExpires = null } = user
  const person = personOf({ id, name, username, role, banned, banExpires })
  return person && { ...person, session: session.id }
}

/** The visitor behind a session that still lives. */
async function living(people: People, session: string | null): Promise<Visitor | null> {
  const found = session === null ? null : await people.session(session)
  return found && { ...found.person, session: found.sessionId }
}
