import { Hono } from 'hono'
import { z } from 'zod'
import { reasonSchema } from './person-actions.ts'
import { type AdminRouteParts, readAdminBody, performAction } from './requests.ts'
import { chat } from '../chat/contract.ts'
import type { Env } from '../http/env.ts'
import { assertAllowedOrigin } from '../http/origins.ts'

const roomRole = z.strictObject({ role: z.enum(['owner', 'member', 'reader']) })
const kick = z.strictObject({ reason: reasonSchema })

/** The routes that end or change a person's access to one room; below /api/admin/people/:id/rooms. */
export function roomActionRoutes(parts: AdminRouteParts): Hono<Env> {
  const { rooms, access } = parts
  const app = new Hono<Env>()
  app.post('/:room', async (c) => {
    const { role } = await readAdminBody(parts, c, roomRole)
    const room = c.req.param('room')
    return await performAction(parts, c, {
      type: 'admin-room-role',
      detail: { room, role },
      work: (_, { id }) => rooms.assign(room, { user: id, role }),
    })
  })
  app.delete('/:room', async (c) => {
    assertAllowedOrigin(c.req.raw.headers, parts.origins)
    const room = c.req.param('room')
    return await performAction(parts, c, {
      type: 'admin-removed',
      detail: { room },
      work: (_, { id }) => rooms.dismiss(room, id),
    })
  })
  app.post('/:room/kick', async (c) => {
    const { reason } = await readAdminBody(parts, c, kick)
    const room = c.req.param('room')
    return await performAction(parts, c, {
      type: 'admin-kicked',
      detail: { room, reason },
      work: (_, { id }) =>
        access.revoke({ user: id, at: [chat, { room }], reason: `you were shown out: ${reason}` }),
    })
  })
  return app
}
