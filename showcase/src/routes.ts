import { Hono } from 'hono'
import type { Logger } from 'pino'
import { Denial } from 'sallyport'
import { bodyBound } from './http/body-bound.ts'
import type { ClientAddress } from './http/client-address.ts'
import type { Env } from './http/env.ts'
import { type AccountRouteParts, accountRoutes } from './account/routes.ts'
import type { AdminRouteParts } from './admin/requests.ts'
import { adminRoutes } from './admin/routes.ts'
import { type AuditRouteParts, auditRoutes } from './audit/routes.ts'
import { type IdentityRouteParts, identityRoutes } from './identity/routes.ts'
import { type OperationParts, operations } from './operations/routes.ts'
import { requestLog } from './operations/request-log.ts'
import { requestContext, allowedHostsOnly } from './http/request.ts'
import { pages } from './http/pages.ts'
import { problem } from './http/problem.ts'
import { type RoomRouteParts, roomRoutes } from './chat/routes.ts'
import { securityHeaders } from './http/security-headers.ts'

/** A handler that is given a request and the client's address. */
export type ClientHandler = (request: Request, client: string) => Promise<Response>

/** What the HTTP side of the server is made of. */
export interface HttpParts
  extends
    OperationParts,
    IdentityRouteParts,
    RoomRouteParts,
    AccountRouteParts,
    AdminRouteParts,
    AuditRouteParts {
  readonly log: Logger
  readonly baseUrl: URL
  readonly clientAddress: ClientAddress
  /** The directory of the built pages. */
  readonly pages: string
  /** `POST /token`; absent where it is switched off. */
  readonly token: ClientHandler | undefined
  /** `POST /api/ticket`. */
  readonly ticket: (request: Request) => Promise<Response>
}

const mostBodyBytes = 64 * 1024

/** Everything that the server answers over HTTP. */
export function http(parts: HttpParts): Hono<Env> {
  const app = new Hono<Env>()
  app.use(
    requestContext(parts.clientAddress),
    requestLog(parts.log, parts.metrics),
    securityHeaders(parts.baseUrl.protocol === 'https:'),
  )
  app.route('/', operations(parts))
  app.use(allowedHostsOnly(parts.origins), bodyBound(mostBodyBytes))
  app.route('/api/auth', identityRoutes(parts))
  app.route('/api/rooms', roomRoutes(parts))
  app.route('/api/account', accountRoutes(parts))
  app.route('/api/admin/audit', auditRoutes(parts))
  app.route('/api/admin', adminRoutes(parts))
  const { token, ticket } = parts
  if (token !== undefined) app.post('/token', (c) => token(c.req.raw, c.get('client')))
  app.post('/api/ticket', (c) => ticket(c.req.raw))
  app.all('/ws/*', () => upgradeRequired())
  app.route('/', pages(parts.pages, { baseUrl: parts.baseUrl, authenticate: parts.authenticate }))
  app.notFound((c) => problem(new Denial(404, 'no-such-path', 'There is nothing here.'), c.get('ref')))
  app.onError((error, c) => {
    if (error instanceof Denial) return problem(error, c.get('ref'))
    parts.log.error({ err: error, ref: c.get('ref') }, 'request failed')
    return problem(
      new Denial(500, 'fault', 'Something went wrong here; the log knows more under this ref.'),
      c.get('ref'),
    )
  })
  return app
}

/** A socket's address asked as if it were a page's: RFC 9110 section 15.5.22. */
function upgradeRequired(): Response {
  return new Response('This is the address of a WebSocket: upgrade, or open the chat at /chat.\n', {
    status: 426,
    headers: { upgrade: 'websocket', connection: 'upgrade', 'content-type': 'text/plain; charset=utf-8' },
  })
}
