import { type Context, Hono } from 'hono'
import { deny } from 'sallyport'
import { z } from 'zod'
import { messageId } from './contract.ts'
import type { Env } from '../http/env.ts'
import type { Budget } from '../http/limiter.ts'
import type { Messages } from './messages.ts'
import { nameSchema } from '../identity/names.ts'
import { assertAllowedOrigin } from '../http/origins.ts'
import type { People, Person } from '../identity/people.ts'
import { jsonBody } from '../http/problem.ts'
import type { Rooms } from './rooms.ts'
import type { AuthenticateRequest } from '../identity/request-authenticator.ts'

/** What the rooms' HTTP interface is made of. */
export interface RoomRouteParts {
  readonly rooms: Rooms
  readonly messages: Messages
  readonly people: People
  readonly authenticate: AuthenticateRequest
  /** How many rooms one person may make. */
  readonly newRooms: Budget
  readonly origins: readonly string[]
}

const newRoom = z.strictObject({
  title: nameSchema,
  visibility: z.enum(['public', 'members']).default('members'),
  readOnly: z.boolean().default(false),
})
const invitation = z.strictObject({
  username: z.string().min(1).max(30),
  role: z.enum(['owner', 'member', 'reader']).default('member'),
})
const pageQuery = z.object({ before: messageId.optional() })

/**
 * Rooms over HTTP, below /api/rooms. Every path needs someone signed in; writes need JSON and our origin. A
 * room that one may not know answers 404, exactly as one that does not exist.
 */
export function roomRoutes(parts: RoomRouteParts): Hono<Env> {
  const { rooms, messages, people } = parts
  const app = new Hono<Env>()
  const reader = (c: Context<Env>): Promise<Person> => signedIn(parts, c)
  const writer = (c: Context<Env>): Promise<Person> => {
    assertAllowedOrigin(c.req.raw.headers, parts.origins)
    return signedIn(parts, c)
  }

  app.get('/', async (c) => c.json({ rooms: await rooms.visible((await reader(c)).id) }))
  app.post('/', async (c) => {
    const { id } = await writer(c)
    const room = await jsonBody(c.req.raw, newRoom)
    parts.newRooms.spend(id)
    return c.json(await rooms.create(id, room), 201)
  })
  app.get('/:room', async (c) => {
    const { id } = await reader(c)
    const [room, members] = [
      await rooms.see(id, c.req.param('room')),
      await rooms.members(id, c.req.param('room')),
    ]
    return c.json({ ...room, members })
  })
  app.get('/:room/messages', async (c) => {
    const { id } = await reader(c)
    const room = await rooms.see(id, c.req.param('room'))
    const query = pageQuery.safeParse(c.req.query())
    if (!query.success) deny(400, 'bad-request', 'before must be the id of a message.')
    return c.json(await messages.page(room.id, query.data.before))
  })
  app.post('/:room/members', async (c) => {
    const { id } = await writer(c)
    // asked before the body is looked at, so that a stranger learns nothing from the order of refusals
    await rooms.see(id, c.req.param('room'))
    const { username, role } = await jsonBody(c.req.raw, invitation)
    const invited =
      (await people.byUsername(username)) ?? deny(404, 'no-such-user', 'There is no user of that name.')
    await rooms.invite(id, c.req.param('room'), { user: invited.id, role })
    return c.json({ id: invited.id, name: invited.name, username: invited.username, role })
  })
  app.delete('/:room/members/:user', async (c) => {
    const { id } = await writer(c)
    await rooms.remove(id, c.req.param('room'), c.req.param('user'))
    return c.body(null, 204)
  })
  app.post('/:room/leave', async (c) => {
    const { id } = await writer(c)
    await rooms.leave(id, c.req.param('room'))
    return c.body(null, 204)
  })
  return app
}

async function signedIn({ authenticate }: RoomRouteParts, c: Context<Env>): Promise<Person> {
  const found = await authenticate(c.req.raw.headers)
  return found?.person ?? deny(401, 'not-signed-in', 'Sign in first.', { challenge: 'Bearer' })
}
