import { afterEach, beforeEach, expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { backchannelLogout, introspection, issuerScoped, oidc, provider } from '../../src/auth/oidc.ts'
import { anyOf, type Authenticator, contract, endpoint, text } from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { accessToken, accessTokens, logoutClaims, logoutRequest, logoutSite } from '../support/oidc-tokens.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// RFC 9700 section 4.4: of two providers that are both trusted, one must not be able to speak for the other. Both call
// their key by the same name, and know a user 7.
const clock = testClock()
let honest: ScriptedIssuer
let rogue: ScriptedIssuer
beforeEach(async () => {
  ;[honest, rogue] = await Promise.all([scriptedIssuer(), scriptedIssuer()])
})
afterEach(() => Promise.all([honest.stop(), rogue.stop()]))

const subject = ({ iss, sub }: { iss: string; sub: string }): string => `${iss} ${sub}`

// proves: provider-mix-up
test('a token in the name of the other is refused, in whatever order they are asked', async () => {
  const ones = [honest, rogue].map(({ issuer }) => accessTokens(issuer, { clock, subject }))
  const forged = await accessToken(rogue, clock, { iss: honest.issuer })
  for (const auth of [anyOf(...ones), anyOf(...ones.toReversed())]) {
    expect(await verdict(auth, bearerRequest(await accessToken(honest, clock)))).toMatchObject({
      subject: `${honest.issuer} 7`,
    })
    expect(await verdict(auth, bearerRequest(await accessToken(rogue, clock)))).toMatchObject({
      subject: `${rogue.issuer} 7`,
    })
    expect(await verdict(auth, bearerRequest(forged))).toBe('401 invalid-token')
  }
})

// proves: provider-mix-up
test('a document in the name of the other brings no keys', async () => {
  rogue.document['issuer'] = honest.issuer
  const auth = accessTokens(rogue.issuer, { clock })
  await expect(verdict(auth, bearerRequest(await accessToken(rogue, clock)))).rejects.toThrow(
    'could not be fetched',
  )
  expect(rogue.count('keys')).toBe(0)
})

test('an answer about a token in the name of the other is refused', async () => {
  const auth = introspection({
    provider: provider({ issuer: rogue.issuer, clock, subject }),
    client: { id: 'chat', secret: 'secret' },
    user: ({ sub }) => ({ id: sub }),
  })
  rogue.tokens.set('opaque', { active: true, token_type: 'Bearer', sub: '7', iss: honest.issuer })
  expect(await verdict(auth, bearerRequest('opaque'))).toBe('401 invalid-token')
})

test('a logout that names the other provider ends no session, its own ends only its own', async () => {
  const sites = [honest, rogue].map(({ issuer }) => logoutSite(issuer, { clock, subject }))
  const typ = { typ: 'logout+jwt' }
  const forged = await rogue.sign(logoutClaims(honest.issuer, clock, 'forged'), typ)
  for (const { logout } of sites) expect(await logout(forged)).toBe(400)
  const own = await rogue.sign(logoutClaims(rogue.issuer, clock, 'own'), typ)
  expect(await sites[1]?.logout(own)).toBe(200)
  expect(sites.map(({ ended }) => ended)).toMatchObject([[], [{ user: `${rogue.issuer} 7` }]])
})

test('a logout token that one provider has used is not used up for the other', async () => {
  const { store } = testServer({ clock })
  for (const one of [honest, rogue]) {
    const { logout } = logoutSite(one.issuer, { clock, subject }, store)
    const token = await one.sign(logoutClaims(one.issuer, clock, 'same name'), { typ: 'logout+jwt' })
    expect(await logout(token)).toBe(200)
  }
})

// Nothing is configured but the issuers: both know a session s, a token t and a user 7
const kinds = ['signed', 'opaque', 'jwt'] as const
const same = { sid: 's', jti: 't', sub: '7' }
const lines = contract('/ws/lines', { client: text, server: text })
const user = ({ sub }: { sub: string }): { id: string } => ({ id: sub })

function authenticatorOf(
  kind: (typeof kinds)[number],
  { issuer }: ScriptedIssuer,
): Authenticator<{ id: string }> {
  const at = provider({ issuer, clock })
  if (kind === 'signed') return oidc({ provider: at, audience: 'api', user })
  if (kind === 'opaque')
    return introspection({ provider: at, client: { id: 'chat', secret: 'secret' }, user })
  // a key set of its own, and users of the application: they are named after the issuer here
  const jwks = new URL('/jwks', issuer)
  return jwt({ issuer, audience: 'api', jwks, clock, user, subject: ({ sub }) => issuerScoped(issuer, sub) })
}

/** An endpoint for each provider, a socket from each, and their logouts. */
async function shared(kind: (typeof kinds)[number], ends?: 'session') {
  const server = testServer({ clock })
  // an opaque token does not say whose it is: each provider has an endpoint of its own, and they share the server
  const roomOf = (issuer: ScriptedIssuer) =>
    endpoint(lines, { auth: authenticatorOf(kind, issuer) }, async (socket) => {
      for await (const line of socket) socket.send(line)
    })
  const rooms = new Map([honest, rogue].map((issuer) => [issuer, roomOf(issuer)]))
  const tokenOf = async (issuer: ScriptedIssuer): Promise<string> => {
    if (kind !== 'opaque') return accessToken(issuer, clock, same)
    const token = `opaque-${new URL(issuer.issuer).port}`
    issuer.tokens.set(token, { active: true, token_type: 'Bearer', ...same })
    return token
  }
  const visitWithTokenOf = async (issuer: ScriptedIssuer) =>
    visit(
      rooms.get(issuer) ?? roomOf(issuer),
      {},
      { server, headers: { authorization: `Bearer ${await tokenOf(issuer)}` } },
    )
  const logout = async (issuer: ScriptedIssuer, changed: Record<string, unknown>): Promise<number> => {
    const handler = backchannelLogout({
      provider: provider({ issuer: issuer.issuer, clock }),
      client: 'site',
      server,
      store: server.store,
      ...(ends === undefined ? {} : { ends }),
      on: () => {},
    })
    const claims = { ...logoutClaims(issuer.issuer, clock, crypto.randomUUID()), ...changed }
    return (await handler(logoutRequest(await issuer.sign(claims, { typ: 'logout+jwt' })))).status
  }
  const sockets = { honest: await visitWithTokenOf(honest), rogue: await visitWithTokenOf(rogue) }
  /** Who is still inside: a message comes back to them. */
  const open = async (): Promise<readonly string[]> => {
    const names: string[] = []
    for (const [name, visitor] of Object.entries(sockets)) {
      const end = await Promise.race([visitor.closed, new Promise((resolve) => setImmediate(resolve, null))])
      if (end === null) names.push(name)
    }
    return names
  }
  return { server, visitWithTokenOf, logout, open }
}

// proves: issuer-names
test.each(
  kinds.flatMap((kind) =>
    [
      { sid: 's', sub: '7' },
      { sid: 's', sub: undefined },
      { sid: undefined, sub: '7' },
    ].map((claims) => [kind, claims] as const),
  ),
)('a logout of one closes no %s socket of the other and refuses no token of it: %j', async (kind, claims) => {
  const { visitWithTokenOf, logout, open } = await shared(kind)
  expect(await logout(rogue, claims)).toBe(200)
  expect(await open()).toEqual(['honest'])
  await visitWithTokenOf(honest)
  await expect(visitWithTokenOf(rogue)).rejects.toMatchObject({ code: 'revoked' })
  expect(await logout(honest, claims)).toBe(200)
  expect(await open()).toEqual([])
  await expect(visitWithTokenOf(honest)).rejects.toMatchObject({ code: 'revoked' })
})

test.each(kinds)('a logout of a session alone ends that of its %s issuer', async (kind) => {
  const { visitWithTokenOf, logout, open } = await shared(kind, 'session')
  await logout(rogue, { sid: 's' })
  expect(await open()).toEqual(['honest'])
  await visitWithTokenOf(honest)
})

test.each(kinds)(
  'the application ends a session, a token or a user of one %s issuer by its name there',
  async (kind) => {
    for (const whom of [
      { session: issuerScoped(rogue.issuer, 's') },
      { token: issuerScoped(rogue.issuer, 't') },
      { user: issuerScoped(rogue.issuer, '7') },
    ]) {
      const { server, visitWithTokenOf, open } = await shared(kind)
      expect(await server.revoke({ ...whom, reason: 'ended' })).toMatchObject({ closed: 1 })
      expect(await open()).toEqual(['honest'])
      await visitWithTokenOf(honest)
    }
  },
)

// proves: issuer-names
test('no id of one issuer makes a name of another', () => {
  const issuers = ['https://id.example', 'https://id.example#x', 'https://id.example%23x', 'a', '', '#', '%']
  const ids = ['s', 'x#s', '#s', '%23s', '', 'id.example#s']
  const names = issuers.flatMap((issuer) => ids.map((id) => issuerScoped(issuer, id)))
  expect(new Set(names).size).toBe(issuers.length * ids.length)
})
