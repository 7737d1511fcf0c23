import type { Database } from '../database/database.ts'
import { type Device, deviceOf } from './device.ts'
import type { OpenSocket, OpenSockets, SocketPlace } from './open-sockets.ts'

/** A session of a person, with its open sockets. It holds no token. */
export interface SessionOfPerson {
  readonly id: string
  readonly device: Device
  readonly address: string | null
  /** Milliseconds since 1970. */
  readonly since: number
  readonly lastActive: number
  readonly sockets: readonly SocketOfSession[]
}

/** An open socket, in the words of a page. */
export interface SocketOfSession {
  readonly id: string
  readonly kind: SocketPlace['kind']
  /** The id of the room; `null` for what is no room. */
  readonly room: string | null
  readonly title: string
  readonly since: number
}

/** Sessions as their owner and administrators see them. */
export interface Sessions {
  /** Those that live, the one used last at the front. */
  of(user: string): Promise<readonly SessionOfPerson[]>
  /** The ids of those that live. */
  ids(user: string): Promise<readonly string[]>
  /**
   * Writes that a session is in use, once a minute at most. The caller does not wait for it.
   */
  markActive(session: string): void
}

const writeEveryMs = 60_000
const mostRemembered = 50_000
const titles = { account: 'Account page', audit: 'Admin console' } as const

/**
 * Sessions out of the identity tables, joined with the sockets that are open on them.
 *
 * @param onError is called with the error when the database cannot write that a session is in use
 */
export function sessions(
  database: Database,
  sockets: Pick<OpenSockets, 'of'>,
  onError: (error: unknown) => void,
): Sessions {
  const { query, kind } = database
  const lastWritten = new Map<string, number>()
  // SQLite keeps dates as ISO texts, which sort by time
  const dateOf = (at: number): string | Date =>
    kind === 'sqlite' ? new Date(at).toISOString() : new Date(at)
  const liveSessions = (user: string) =>
    query.selectFrom('session').where('userId', '=', user).where('expiresAt', '>', dateOf(Date.now()))

  return {
    async of(user) {
      const rows = await liveSessions(user)
        .select(['id', 'createdAt', 'updatedAt', 'ipAddress', 'userAgent'])
        .orderBy('updatedAt', 'desc')
        .execute()
      const open = await describeSockets(sockets.of(user))
      return rows
        .map(({ id, createdAt, updatedAt, ipAddress, userAgent }) => ({
          id,
          device: deviceOf(userAgent),
          address: ipAddress === '' ? null : ipAddress,
          since: new Date(createdAt).getTime(),
          lastActive: Math.max(new Date(updatedAt).getTime(), lastWritten.get(id) ?? 0),
          sockets: open.flatMap(({ session, socket }) => (session === id ? socket : [])),
        }))
        .toSorted((one, other) => other.lastActive - one.lastActive)
    },
    ids: async (user) => (await liveSessions(user).select('id').execute()).map(({ id }) => id),
    markActive(session) {
      const now = Date.now()
      if (now - (lastWritten.get(session) ?? 0) < writeEveryMs) return
      lastWritten.delete(session)
      lastWritten.set(session, now)
      forgetOldest(lastWritten)
      query
        .updateTable('session')
        .set({ updatedAt: dateOf(now) })
        .where('id', '=', session)
        .execute()
        .catch(onError)
    },
  }

  async function describeSockets(
    open: readonly OpenSocket[],
  ): Promise<readonly { readonly session: string; readonly socket: SocketOfSession }[]> {
    const ids = open.flatMap(({ place }) => (place.kind === 'room' ? place.room : []))
    const rooms =
      ids.length === 0
        ? []
        : await query.selectFrom('rooms').select(['id', 'title']).where('id', 'in', ids).execute()
    const known = new Map(rooms.map(({ id, title }) => [id, title]))
    return open.map(({ id, session, since, place }) => ({
      session,
      socket: { id, since, kind: place.kind, ...describePlace(place, known) },
    }))
  }
}

function describePlace(
  place: SocketPlace,
  known: ReadonlyMap<string, string>,
): Pick<SocketOfSession, 'room' | 'title'> {
  if (place.kind !== 'room') return { room: null, title: titles[place.kind] }
  return { room: place.room, title: known.get(place.room) ?? place.room }
}

function forgetOldest(map: Map<string, number>): void {
  if (map.size <= mostRemembered) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
