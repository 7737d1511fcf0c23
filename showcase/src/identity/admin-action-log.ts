import type { Context } from 'hono'
import { z } from 'zod'
import type { AuditWriter } from '../audit/writer.ts'
import type { Env } from '../http/env.ts'
import type { Who } from './who.ts'

/** What the audit calls what administrators do through better-auth's own paths; the console's deeds have its names. */
const deeds: Readonly<Record<string, string | undefined>> = {
  '/admin/create-user': 'admin-created',
  '/admin/remove-user': 'admin-deleted',
  '/admin/ban-user': 'admin-banned',
  '/admin/unban-user': 'admin-unbanned',
  '/admin/set-user-password': 'admin-password',
  '/admin/revoke-user-session': 'admin-signed-out',
  '/admin/revoke-user-sessions': 'admin-signed-out',
}

/** What is noted of a deed, and nothing else of its body: passwords and tokens are in there too. */
const about = z.object({ userId: z.string().optional(), banReason: z.string().optional() })

/** What a deed is noted with. */
export interface DeedParts {
  readonly who: Who
  readonly auditWriter: Pick<AuditWriter, 'note'>
}

/** Does what better-auth has under a path, and notes who did it to whom when it was a deed of an administrator that succeeded. */
export async function noted(
  { who, auditWriter }: DeedParts,
  c: Context<Env>,
  asked: { readonly path: string; readonly body: unknown; readonly work: () => Promise<Response> },
): Promise<Response> {
  const type = deeds[asked.path]
  if (type === undefined) return await asked.work()
  // before the deed, which may end what the request stands on
  const by = (await who(c.req.raw.headers))?.person
  const response = await asked.work()
  if (response.ok && by !== undefined) {
    const { userId = await madeIn(response), banReason: reason } = about.catch({}).parse(asked.body)
    const event = { type, id: c.get('ref'), subject: userId, address: c.get('client') }
    auditWriter.note(Object.assign(event, { by: by.id, byName: by.name, reason }))
  }
  return response
}

const answer = z.object({ user: z.object({ id: z.string() }) })

/** The id of a user that was made, which no request could name. */
async function madeIn(response: Response): Promise<string | undefined> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null)
  return answer.safeParse(body).data?.user.id
}
