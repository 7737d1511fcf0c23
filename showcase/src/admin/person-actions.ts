import { Hono } from 'hono'
import { deny } from 'sallyport'
import { z } from 'zod'
import { type AdminRouteParts, administrator, readAdminBody, performAction } from './requests.ts'
import { endReasons } from '../identity/end-reasons.ts'
import type { Env } from '../http/env.ts'

/** The reason that the person concerned will read. It fits into a close frame with the words around it. */
export const reasonSchema = z.string().trim().min(1).max(80)

const mostSeconds = 10 * 366 * 86_400
const ban = z.strictObject({
  reason: reasonSchema,
  /** From now; for good when left out. */
  seconds: z.int().min(1).max(mostSeconds).optional(),
})
const role = z.strictObject({ role: z.enum(['admin', 'user']) })
const nothing = z.strictObject({})

/** The routes that end or change a person's access everywhere: ban, role, sign-out; below /api/admin/people/:id. */
export function personActionRoutes(parts: AdminRouteParts): Hono<Env> {
  const { identity, access } = parts
  const { api } = identity
  const app = new Hono<Env>()
  app.post('/ban', async (c) => {
    const { reason, seconds } = await readAdminBody(parts, c, ban)
    const until = seconds === undefined ? {} : { banExpiresIn: seconds }
    return await performAction(parts, c, {
      type: 'admin-banned',
      detail: { reason, seconds },
      work: (headers, { id }) =>
        access.withReason(`your account is banned: ${reason}`, () =>
          api.banUser({ headers, body: { userId: id, banReason: reason, ...until } }),
        ),
    })
  })
  app.post('/unban', async (c) => {
    await readAdminBody(parts, c, nothing)
    const work = (headers: Headers, { id }: { readonly id: string }) =>
      api.unbanUser({ headers, body: { userId: id } })
    return await performAction(parts, c, { type: 'admin-unbanned', detail: {}, work })
  })
  app.post('/role', async (c) => {
    const { role: wanted } = await readAdminBody(parts, c, role)
    // an administrator must be left who can undo the change
    if ((await administrator(parts, c)).id === c.req.param('id'))
      deny(409, 'not-yourself', 'Ask another administrator to change your role.')
    return await performAction(parts, c, {
      type: 'admin-role',
      detail: { role: wanted },
      work: async (headers, { id }) => {
        await api.setRole({ headers, body: { userId: id, role: wanted } })
        // the hook of the identity server asks again too, but a moment after the receipt is written
        await access.recheck({ user: id })
      },
    })
  })
  app.post('/sign-out', async (c) => {
    await readAdminBody(parts, c, nothing)
    const work = (headers: Headers, { id }: { readonly id: string }) =>
      access.withReason(endReasons['/admin/revoke-user-sessions'], () =>
        api.revokeUserSessions({ headers, body: { userId: id } }),
      )
    return await performAction(parts, c, { type: 'admin-signed-out', detail: {}, work })
  })
  return app
}
