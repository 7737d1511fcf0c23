import type { Context } from 'hono'
import { z } from 'zod'
import type { AuditWriter } from '../audit/writer.ts'
import type { Env } from '../http/env.ts'
import type { AuthenticateRequest } from './request-authenticator.ts'

/** The audit's names for actions of administrators through better-auth's own paths. The console uses the same names. */
const auditTypes: Readonly<Record<string, string | undefined>> = {
  '/admin/create-user': 'admin-created',
  '/admin/remove-user': 'admin-deleted',
  '/admin/ban-user': 'admin-banned',
  '/admin/unban-user': 'admin-unbanned',
  '/admin/set-user-password': 'admin-password',
  '/admin/revoke-user-session': 'admin-signed-out',
  '/admin/revoke-user-sessions': 'admin-signed-out',
}

/** The fields of an action that the audit keeps. No other field is kept: the body holds passwords and tokens too. */
const loggedFields = z.object({ userId: z.string().optional(), banReason: z.string().optional() })

/** What the log of these actions is made of. */
export interface AdminActionLogParts {
  readonly authenticate: AuthenticateRequest
  readonly auditWriter: Pick<AuditWriter, 'record'>
}

/** Runs an action, and records it in the audit when it was an administrator's and has succeeded. */
export async function logAdminAction(
  { authenticate, auditWriter }: AdminActionLogParts,
  c: Context<Env>,
  action: { readonly path: string; readonly body: unknown; readonly work: () => Promise<Response> },
): Promise<Response> {
  const type = auditTypes[action.path]
  if (type === undefined) return await action.work()
  // before the action, which may end the session of the request
  const by = (await authenticate(c.req.raw.headers))?.person
  const response = await action.work()
  if (response.ok && by !== undefined) {
    const { userId = await createdUserId(response), banReason: reason } = loggedFields
      .catch({})
      .parse(action.body)
    const event = { type, id: c.get('ref'), subject: userId, address: c.get('client') }
    auditWriter.record(Object.assign(event, { by: by.id, byName: by.name, reason }))
  }
  return response
}

const answer = z.object({ user: z.object({ id: z.string() }) })

/** The id of a user that was made, which no request could name. */
async function createdUserId(response: Response): Promise<string | undefined> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null)
  return answer.safeParse(body).data?.user.id
}
