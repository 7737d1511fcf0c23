import { type Context, Hono } from 'hono'
import { deny, type Receipt } from 'sallyport'
import { z } from 'zod'
import type { Access } from './access.ts'
import type { AuditLog } from './audit-log.ts'
import type { AuditWriter } from './audit-writer.ts'
import { chat } from './contracts.ts'
import type { Directory, PersonListed } from './directory.ts'
import { endReasons } from './endings.ts'
import type { Env } from './env.ts'
import type { Identity } from './identity.ts'
import { asDenial } from './identity-api.ts'
import type { OpenSockets } from './open-sockets.ts'
import { refuseForeign } from './origins.ts'
import { isAdmin, type Person } from './people.ts'
import { jsonBody } from './problem.ts'
import type { Rooms } from './rooms.ts'
import type { Sessions } from './sessions.ts'
import type { Who } from './who.ts'

/** What the console's HTTP interface is made of. */
export interface AdminRouteParts {
  readonly identity: Identity
  readonly directory: Directory
  readonly sessions: Sessions
  readonly sockets: Pick<OpenSockets, 'of'>
  readonly rooms: Rooms
  readonly access: Access
  readonly auditLog: AuditLog
  readonly auditWriter: Pick<AuditWriter, 'note'>
  readonly who: Who
  readonly origins: readonly string[]
}

const reason = z.string().trim().min(1).max(80)
const ban = z.strictObject({
  reason,
  /** Seconds from now; for good when left out. */
  seconds: z
    .int()
    .min(1)
    .max(10 * 366 * 86_400)
    .optional(),
})
const role = z.strictObject({ role: z.enum(['admin', 'user']) })
const roomRole = z.strictObject({ role: z.enum(['owner', 'member', 'reader']) })
const kick = z.strictObject({ reason })
const search = z.object({ q: z.string().trim().max(100).default('') })

/** What an administrator does to a person: done in the database first, then to open sockets. */
type Deed = (parts: { readonly headers: Headers; readonly person: PersonListed }) => Promise<unknown>

/**
 * The admin console, below /api/admin. For anybody but an administrator nothing is there: 404. Each deed answers with
 * the receipt of what it closed and changed, and is noted in the audit with who did it.
 */
export function adminRoutes(parts: AdminRouteParts): Hono<Env> {
  const { identity, directory, sessions, sockets, rooms, access } = parts
  const app = new Hono<Env>()

  app.get('/people', async (c) => {
    await administrator(parts, c)
    const { q } = search.parse({ q: c.req.query('q')?.slice(0, 100) })
    const { people, more } = await directory.search(q)
    return c.json({ people: people.map((one) => ({ ...one, sockets: sockets.of(one.id).length })), more })
  })
  app.get('/people/:id', async (c) => {
    await administrator(parts, c)
    const person = await found(parts, c)
    return c.json({
      ...person,
      sessions: await sessions.of(person.id),
      rooms: await rooms.of(person.id),
    })
  })

  /** Does it, notes it, and answers with the receipt. */
  const deed = async (c: Context<Env>, type: string, detail: object, work: Deed): Promise<Response> => {
    const by = await administrator(parts, c)
    const person = await found(parts, c)
    const { headers } = c.req.raw
    const receipt = await access.receiptOf(() => asDenial(() => work({ headers, person })))
    noteDeed(parts, c, { type, by, person, detail, receipt })
    return c.json({ receipt })
  }
  /** The body of a write, read only for an administrator on a page of ours. */
  const asked = async <S extends z.ZodType>(c: Context<Env>, schema: S): Promise<z.output<S>> => {
    refuseForeign(c.req.raw.headers, parts.origins)
    await administrator(parts, c)
    return await jsonBody(c.req.raw, schema)
  }

  app.post('/people/:id/ban', async (c) => {
    const { reason: banReason, seconds } = await asked(c, ban)
    const body = { banReason, ...(seconds === undefined ? {} : { banExpiresIn: seconds }) }
    return await deed(c, 'admin-banned', { reason: banReason, seconds }, ({ headers, person }) =>
      access.because(`your account is banned: ${banReason}`, () =>
        identity.api.banUser({ headers, body: { userId: person.id, ...body } }),
      ),
    )
  })
  app.post('/people/:id/unban', async (c) => {
    await asked(c, z.strictObject({}))
    return await deed(c, 'admin-unbanned', {}, ({ headers, person }) =>
      identity.api.unbanUser({ headers, body: { userId: person.id } }),
    )
  })
  app.post('/people/:id/role', async (c) => {
    const { role: wanted } = await asked(c, role)
    const me = await administrator(parts, c)
    // somebody must be left who can undo it
    if (me.id === c.req.param('id'))
      deny(409, 'not-yourself', 'Ask another administrator to change your role.')
    return await deed(c, 'admin-role', { role: wanted }, async ({ headers, person }) => {
      await identity.api.setRole({ headers, body: { userId: person.id, role: wanted } })
      // the hook of the identity server asks again too, but a moment later than the receipt is written
      await access.recheck({ user: person.id })
    })
  })
  app.post('/people/:id/sign-out', async (c) => {
    await asked(c, z.strictObject({}))
    return await deed(c, 'admin-signed-out', {}, ({ headers, person }) =>
      access.because(endReasons['/admin/revoke-user-sessions'], () =>
        identity.api.revokeUserSessions({ headers, body: { userId: person.id } }),
      ),
    )
  })
  app.post('/people/:id/rooms/:room', async (c) => {
    const { role: wanted } = await asked(c, roomRole)
    const room = c.req.param('room')
    return await deed(c, 'admin-room-role', { room, role: wanted }, ({ person }) =>
      rooms.assign(room, { user: person.id, role: wanted }),
    )
  })
  app.delete('/people/:id/rooms/:room', async (c) => {
    refuseForeign(c.req.raw.headers, parts.origins)
    const room = c.req.param('room')
    return await deed(c, 'admin-removed', { room }, ({ person }) => rooms.dismiss(room, person.id))
  })
  app.post('/people/:id/rooms/:room/kick', async (c) => {
    const { reason: why } = await asked(c, kick)
    const room = c.req.param('room')
    return await deed(c, 'admin-kicked', { room, reason: why }, ({ person }) =>
      access.revoke({ user: person.id, at: [chat, { room }], reason: `you were shown out: ${why}` }),
    )
  })
  return app
}

/** @throws Denial 404 for everybody else, as for any path that is not there */
async function administrator({ who }: Pick<AdminRouteParts, 'who'>, c: Context<Env>): Promise<Person> {
  const person = (await who(c.req.raw.headers))?.person
  return person !== undefined && isAdmin(person)
    ? person
    : deny(404, 'no-such-path', 'There is nothing here.')
}

async function found({ directory }: AdminRouteParts, c: Context<Env>): Promise<PersonListed> {
  const person = await directory.find(c.req.param('id') ?? '')
  return person ?? deny(404, 'no-such-person', 'There is no such person any more.')
}

interface Done {
  readonly type: string
  readonly by: Person
  readonly person: PersonListed
  readonly detail: object
  readonly receipt: Receipt
}

function noteDeed(
  { auditWriter }: AdminRouteParts,
  c: Context<Env>,
  { type, by, person, detail, receipt }: Done,
): void {
  const { closed, changed } = receipt
  const event = { type, id: c.get('ref'), subject: person.id, address: c.get('client') }
  auditWriter.note(Object.assign(event, { by: by.id, byName: by.name, ...detail, closed, changed }))
}
