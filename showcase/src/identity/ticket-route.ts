import { deny } from 'sallyport'
import type { Tickets } from 'sallyport/auth/tickets'
import { z } from 'zod'
import type { Budget } from '../http/limiter.ts'
import { assertAllowedOrigin } from '../http/origins.ts'
import { jsonBody } from '../http/problem.ts'
import type { AuthenticateRequest } from './request-authenticator.ts'

/** What the route is made of. */
export interface TicketRouteParts {
  readonly tickets: Pick<Tickets<unknown>, 'mint'>
  readonly authenticate: AuthenticateRequest
  readonly origins: readonly string[]
  /** How many tickets one person may ask for. */
  readonly budget: Budget
}

const asked = z.strictObject({
  path: z
    .string()
    .max(2048)
    .regex(/^\/ws\//, 'must be the path of an endpoint below /ws/'),
})

/**
 * `POST /api/ticket`: a one-use ticket for a socket, for pages that cannot send a cookie or a header there.
 * It is CSRF-safe (JSON, and an Origin of ours), bound to person, session, origin and path, and answers `{
 * ticket, expires_in }`.
 */
export function ticketRoute({
  tickets,
  authenticate,
  origins,
  budget,
}: TicketRouteParts): (request: Request) => Promise<Response> {
  return async (request) => {
    assertAllowedOrigin(request.headers, origins, { demanded: true })
    const { path } = await jsonBody(request, asked)
    const found =
      (await authenticate(request.headers)) ??
      deny(401, 'not-signed-in', 'Sign in first.', { challenge: 'Bearer' })
    budget.spend(found.person.id)
    const { person, sessionId: session, issuedAt, expires } = found
    const { ticket, expiresIn } = await tickets.mint({
      subject: person.id,
      session,
      issuedAt,
      expires,
      origin: request.headers.get('origin'),
      path,
    })
    return Response.json({ ticket, expires_in: expiresIn }, { headers: { 'cache-control': 'no-store' } })
  }
}
