import { Hono } from 'hono'
import { personActionRoutes } from './person-actions.ts'
import { type AdminRouteParts, administrator, personOfPath } from './requests.ts'
import { roomActionRoutes } from './room-actions.ts'
import type { Env } from '../http/env.ts'

const longestSearch = 100

/**
 * The admin console, below /api/admin. Everyone but an administrator gets 404. An action on a person
 * answers with the receipt of what it closed and changed. The audit notes the action and its administrator.
 */
export function adminRoutes(parts: AdminRouteParts): Hono<Env> {
  const { directory, sessions, sockets, rooms } = parts
  const app = new Hono<Env>()
  app.get('/people', async (c) => {
    await administrator(parts, c)
    const { people, more } = await directory.search((c.req.query('q') ?? '').trim().slice(0, longestSearch))
    return c.json({ people: people.map((one) => ({ ...one, sockets: sockets.of(one.id).length })), more })
  })
  app.get('/people/:id', async (c) => {
    await administrator(parts, c)
    const person = await personOfPath(parts, c)
    return c.json({
      ...person,
      sessions: await sessions.of(person.id),
      rooms: await rooms.of(person.id),
    })
  })
  app.route('/people/:id', personActionRoutes(parts))
  app.route('/people/:id/rooms', roomActionRoutes(parts))
  return app
}
