import { type Context, Hono } from 'hono'
import { deny } from 'sallyport'
import { z } from 'zod'
import type { AuditLog } from './log.ts'
import type { Env } from '../http/env.ts'
import { peerOf } from '../http/request.ts'
import { mayReadMetrics } from '../operations/metrics.ts'
import { isAdmin } from '../identity/people.ts'
import type { AuthenticateRequest } from '../identity/request-authenticator.ts'

/** What the audit's HTTP interface is made of. */
export interface AuditRouteParts {
  readonly auditLog: AuditLog
  readonly authenticate: AuthenticateRequest
  readonly metricsToken: string | undefined
}

const moment = z.coerce.number().int().min(0).max(253_402_300_799_999)
const query = z.object({
  type: z.string().max(100).optional(),
  person: z.string().trim().max(100).optional(),
  from: moment.optional(),
  to: moment.optional(),
  before: z
    .string()
    .regex(/^[0-9a-f]{1,64}$/)
    .optional(),
})

/**
 * Pages of the audit, the newest first, at /api/admin/audit: for administrators, and for programs that may read
 * /metrics (on this machine, or with the token). For everybody else nothing is there: 404.
 */
export function auditRoutes(parts: AuditRouteParts): Hono<Env> {
  const { auditLog } = parts
  const app = new Hono<Env>()
  app.get('/', async (c) => {
    if (!(await mayRead(parts, c))) deny(404, 'no-such-path', 'There is nothing here.')
    const filter = query.safeParse(c.req.query())
    if (!filter.success)
      deny(400, 'bad-request', 'type, person, from, to (milliseconds) and before (an id) can be asked for.')
    const [page, types] = [await auditLog.page(filter.data), await auditLog.types()]
    return c.json({ ...page, types })
  })
  return app
}

async function mayRead({ authenticate, metricsToken }: AuditRouteParts, c: Context<Env>): Promise<boolean> {
  const { headers } = c.req.raw
  // a page on this machine acts for its signed-in user, not for the machine
  const isProgram = !['cookie', 'origin', 'sec-fetch-site'].some((name) => headers.has(name))
  if (isProgram && mayReadMetrics({ peer: peerOf(c), headers }, metricsToken)) return true
  const person = (await authenticate(headers).catch(() => null))?.person
  return person !== undefined && isAdmin(person)
}
