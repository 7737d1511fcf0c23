import { anyOf, type Authenticator, type Identity as SocketIdentity, type Layer } from 'sallyport'
import { jwt } from 'sallyport/auth/jwt'
import { type Tickets, tickets } from 'sallyport/auth/tickets'
import { audience, type Identity } from './identity.ts'
import type { People, Person, SignedIn } from './people.ts'
import { bySession } from './who.ts'

/** Who is inside a socket: the person, and the session that speaks for them. */
export interface Visitor extends Person {
  readonly session: string
  /** When the credential ends, and the socket with it. */
  readonly until: Date
}

/** What the first door of the sockets is made of. */
export interface DoorParts {
  readonly identity: Identity
  readonly people: People
  /** The issuer of access tokens: our own origin. */
  readonly issuer: string
  readonly layer: Layer
  /** The name of the session cookie. */
  readonly cookie: string
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
export function doors(parts: DoorParts): Doors {
  const ticket = tickets({
    store: parts.layer.store,
    user: ({ session, expires }) => living(parts.people, session, expires),
  })
  return { auth: anyOf(accessToken(parts), ticket, sessionCookie(parts)), ticket }
}

function accessToken({ identity, people, issuer }: DoorParts): Authenticator<Visitor> {
  return jwt({
    issuer,
    audience,
    algorithms: ['ES256'],
    // the keys are read in process: the address says only what they are
    jwks: new URL('http://localhost/api/auth/jwks'),
    fetch: async () => Response.json(await identity.api.getJwks()),
    user: async ({ sub, sid, exp }) => {
      const visitor = await living(people, sid ?? null, new Date(exp * 1000))
      return visitor?.id === sub ? visitor : null
    },
  })
}

/** The visitor behind a session that still lives; the earlier of both ends counts. */
async function living(people: People, session: string | null, expires: Date | null): Promise<Visitor | null> {
  const found = session === null ? null : await people.session(session)
  if (found === null) return null
  return visitorOf(found, expires ?? found.expires)
}

function visitorOf({ person, sessionId, expires }: SignedIn, until: Date): Visitor {
  return { ...person, session: sessionId, until: until < expires ? until : expires }
}

/** The session cookie, read through better-auth and never from its cache; a stale one is no session. */
function sessionCookie({ identity, people, cookie }: DoorParts): Authenticator<Visitor> {
  const authenticator: Authenticator<Visitor> = async ({ credentials }) => {
    const value = credentials.cookie(cookie)
    if (value === null) return null
    const found = await bySession(identity, new Headers({ cookie: `${cookie}=${encodeURIComponent(value)}` }))
    return found && identityOf(people, found)
  }
  const description =
    'The session cookie of the site, which a browser sends by itself: an Origin is demanded with it.'
  return Object.assign(authenticator, {
    schemes: [{ type: 'httpApiKey', in: 'cookie', name: cookie, description }] as const,
  })
}

function identityOf(people: People, signedIn: SignedIn): SocketIdentity<Visitor> {
  const { sessionId, expires } = signedIn
  return {
    user: visitorOf(signedIn, expires),
    session: sessionId,
    expires,
    renew: async () => {
      const found = await people.session(sessionId)
      return found && identityOf(people, found)
    },
  }
}
