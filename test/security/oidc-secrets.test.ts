import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { introspection, provider } from '../../src/auth/oidc.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, denialOf } from '../support/auth-request.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// What goes wrong at the provider is written into logs with all its causes.
const clock = testClock()
const client = { id: 'chat', secret: 'MARKED-SECRET' }
const token = 'MARKED-TOKEN'
let issuer: ScriptedIssuer
beforeEach(async () => {
  issuer = await scriptedIssuer()
})
afterEach(() => issuer.stop())

// proves: client-secret
test.each([
  [
    'refuses the client',
    () => issuer.answer('introspection', (_request, response) => response.writeHead(401).end()),
  ],
  [
    'says the secret back',
    () =>
      issuer.answer('introspection', (request, response) =>
        response
          .writeHead(400)
          .end(JSON.stringify({ error: `${request.headers.authorization} ${token} MARKED-SECRET` })),
      ),
  ],
  [
    'answers nonsense',
    () => issuer.answer('introspection', (_request, response) => response.end('MARKED-SECRET {')),
  ],
  ['breaks the connection', () => issuer.answer('introspection', (request) => request.destroy())],
  ['does not know the token', () => {}],
  [
    'is of another issuer',
    () => issuer.tokens.set(token, { active: true, token_type: 'Bearer', sub: '7', iss: token }),
  ],
])('neither client secret nor token is in an error when the endpoint %s', async (_what, arrange) => {
  arrange()
  for (const method of ['basic', 'post'] as const) {
    const auth = introspection({
      provider: provider({ issuer: issuer.issuer, clock }),
      client: { ...client, method },
      user: () => ({ id: '7' }),
    })
    const denial = await denialOf(() => authenticate(auth, bearerRequest(token)))
    const written = inspect(denial, { depth: 20, showHidden: true }) + JSON.stringify(denial)
    for (const secret of ['MARKED', btoa('chat:MARKED-SECRET')]) expect(written).not.toContain(secret)
    expect(inspect(auth, { depth: 20, showHidden: true })).not.toContain('MARKED')
  }
})
