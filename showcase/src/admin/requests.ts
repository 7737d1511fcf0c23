import type { Context } from 'hono'
import { deny, type Receipt } from 'sallyport'
import type { z } from 'zod'
import type { Access } from '../identity/access.ts'
import type { AuditWriter } from '../audit/writer.ts'
import type { Directory, PersonListed } from './directory.ts'
import type { Env } from '../http/env.ts'
import type { Identity } from '../identity/identity.ts'
import { asDenial } from '../identity/api-errors.ts'
import type { OpenSockets } from '../account/open-sockets.ts'
import { assertAllowedOrigin } from '../http/origins.ts'
import { isAdmin, type Person } from '../identity/people.ts'
import { jsonBody } from '../http/problem.ts'
import type { Rooms } from '../chat/rooms.ts'
import type { Sessions } from '../account/sessions.ts'
import type { AuthenticateRequest } from '../identity/request-authenticator.ts'

/** What the console's HTTP interface is made of. */
export interface AdminRouteParts {
  readonly identity: Identity
  readonly directory: Directory
  readonly sessions: Sessions
  readonly sockets: Pick<OpenSockets, 'of'>
  readonly rooms: Rooms
  readonly access: Access
  readonly auditWriter: Pick<AuditWriter, 'record'>
  readonly authenticate: AuthenticateRequest
  readonly origins: readonly string[]
}

/** @throws Denial 404 for everybody but an administrator, as for any path that is not there */
export async function administrator({ authenticate }: AdminRouteParts, c: Context<Env>): Promise<Person> {
  const person = (await authenticate(c.req.raw.headers))?.person
  if (person !== undefined && isAdmin(person)) return person
  return deny(404, 'no-such-path', 'There is nothing here.')
}

/** The person that the path names. @throws Denial 404 */
export async function personOfPath({ directory }: AdminRouteParts, c: Context<Env>): Promise<PersonListed> {
  const person = await directory.find(c.req.param('id') ?? '')
  return person ?? deny(404, 'no-such-person', 'There is no such person any more.')
}

/**
 * The body of a write, read only for an administrator on a page of ours.
 *
 * @throws Denial 403, 404, 415, 400
 */
export async function readAdminBody<S extends z.ZodType>(
  parts: AdminRouteParts,
  c: Context<Env>,
  schema: S,
): Promise<z.output<S>> {
  assertAllowedOrigin(c.req.raw.headers, parts.origins)
  await administrator(parts, c)
  return await jsonBody(c.req.raw, schema)
}

/** What an administrator does to a person: done in the database first, then to open sockets. */
export interface AdminAction {
  /** What the audit calls it. */
  readonly type: string
  /** What the audit says of it. */
  readonly detail: object
  readonly work: (headers: Headers, person: PersonListed) => Promise<unknown>
}

/**
 * Runs an action, records it in the audit, and answers with the receipt of what it closed and changed.
 *
 * @throws Denial 404, and whatever the work refuses
 */
export async function performAction(
  parts: AdminRouteParts,
  c: Context<Env>,
  { type, detail, work }: AdminAction,
): Promise<Response> {
  const by = await administrator(parts, c)
  const person = await personOfPath(parts, c)
  const receipt = await parts.access.receiptOf(() => asDenial(() => work(c.req.raw.headers, person)))
  const event = { type, id: c.get('ref'), subject: person.id, address: c.get('client') }
  parts.auditWriter.record(
    Object.assign(event, { by: by.id, byName: by.name, ...detail, ...counts(receipt) }),
  )
  return c.json({ receipt })
}

function counts({ closed, changed, dropped }: Receipt): object {
  return { closed, changed, dropped }
}
