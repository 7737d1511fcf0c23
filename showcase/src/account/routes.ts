import { type Context, Hono } from 'hono'
import { deny } from 'sallyport'
import { z } from 'zod'
import type { Access } from '../identity/access.ts'
import { endReasons } from '../identity/end-reasons.ts'
import type { Env } from '../http/env.ts'
import type { Identity } from '../identity/identity.ts'
import { asDenial } from '../identity/api-errors.ts'
import { assertAllowedOrigin } from '../http/origins.ts'
import type { SignedIn } from '../identity/people.ts'
import { jsonBody } from '../http/problem.ts'
import type { Sessions } from './sessions.ts'
import type { AuthenticateRequest } from '../identity/request-authenticator.ts'

/** What the account's HTTP interface is made of. */
export interface AccountRouteParts {
  readonly identity: Identity
  readonly sessions: Sessions
  readonly access: Access
  readonly authenticate: AuthenticateRequest
  readonly origins: readonly string[]
}

const signOutBody = z.strictObject({ thisDevice: z.boolean() })
// better-auth reads a hundred sessions at a time
const maxRounds = 20

/**
 * One's own sessions, below /api/account. Sessions are named by their ids, which open nothing, and ended through the
 * identity server, whose hooks close their sockets. What ends something answers with the receipt.
 */
export function accountRoutes(parts: AccountRouteParts): Hono<Env> {
  const { identity, sessions, access } = parts
  const app = new Hono<Env>()

  app.get('/sessions', async (c) => {
    const { person, sessionId } = await signedIn(parts, c)
    sessions.markActive(sessionId)
    const own = await sessions.of(person.id)
    return c.json({ sessions: own.map((one) => ({ ...one, current: one.id === sessionId })) })
  })
  app.delete('/sessions/:id', async (c) => {
    const { person } = await writer(parts, c)
    const id = c.req.param('id')
    if (!(await sessions.ids(person.id)).includes(id))
      deny(404, 'no-such-session', 'That session has ended already.')
    const receipt = await access.receiptOf(() =>
      access.withReason(endReasons['/revoke-session'], () => endSession(identity, c.req.raw.headers, id)),
    )
    return c.json({ receipt })
  })
  app.post('/sign-out-everywhere', async (c) => {
    const { person, sessionId } = await writer(parts, c)
    const { thisDevice } = await jsonBody(c.req.raw, signOutBody)
    const { headers } = c.req.raw
    const receipt = await access.receiptOf(async () => {
      for (let round = 0; round < maxRounds; round++) {
        const others = (await sessions.ids(person.id)).filter((id) => id !== sessionId)
        if (others.length === 0) break
        await access.withReason(endReasons['/revoke-other-sessions'], () =>
          asDenial(() => identity.api.revokeOtherSessions({ headers })),
        )
      }
      // last, because it ends the session of this request
      if (thisDevice)
        await access.withReason(endReasons['/revoke-sessions'], () =>
          asDenial(() => identity.api.revokeSessions({ headers })),
        )
    })
    return c.json({ receipt })
  })
  return app
}

/** Better-auth ends a session by its token, which no page is told. */
async function endSession(identity: Identity, headers: Headers, id: string): Promise<void> {
  await asDenial(async () => {
    const own = await identity.api.listSessions({ headers })
    const token = own.find((session) => session.id === id)?.token
    if (token !== undefined) await identity.api.revokeSession({ headers, body: { token } })
  })
}

function writer(parts: AccountRouteParts, c: Context<Env>): Promise<SignedIn> {
  assertAllowedOrigin(c.req.raw.headers, parts.origins)
  return signedIn(parts, c)
}

async function signedIn({ authenticate }: AccountRouteParts, c: Context<Env>): Promise<SignedIn> {
  const found = await authenticate(c.req.raw.headers)
  return found ?? deny(401, 'not-signed-in', 'Sign in first.', { challenge: 'Bearer' })
}
