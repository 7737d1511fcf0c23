import { afterEach, beforeEach, expect, test } from 'vitest'
import { introspection, provider } from '../../src/auth/oidc.ts'
import { contract, endpoint, text } from '../../src/index.ts'
import { type TestClock, testClock, testServer, visit } from '../../src/testing.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// CVE-2020-35681 and its kind: an answer that was meant for another user, because two questions crossed.
let issuer: ScriptedIssuer
let clock: TestClock
beforeEach(async () => {
  issuer = await scriptedIssuer()
  clock = testClock()
})
afterEach(() => issuer.stop())

const active = (sub: string): Record<string, unknown> => ({ active: true, token_type: 'Bearer', sub })
const make = () =>
  introspection({
    provider: provider({ issuer: issuer.issuer, clock, subject: ({ sub }) => sub }),
    client: { id: 'chat', secret: 'secret' },
    user: ({ sub }) => ({ id: sub }),
  })

// proves: swapped-answer
test('fifty tokens whose answers come in another order each get their own', async () => {
  const auth = make()
  const waiting: (() => void)[] = []
  issuer.answer('introspection', (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => void (body += chunk.toString()))
    request.on('end', () => {
      const token = new URLSearchParams(body).get('token') ?? ''
      waiting.push(() => response.end(JSON.stringify(active(`owner of ${token}`))))
      if (waiting.length === 50) for (const answer of waiting.toReversed()) answer()
    })
  })
  const asked = Array.from({ length: 50 }, (_, at) => verdict(auth, bearerRequest(`token-${at}`)))
  for (const [at, who] of (await Promise.all(asked)).entries())
    expect(who).toMatchObject({ subject: `owner of token-${at}` })
  for (let at = 0; at < 50; at++)
    expect(await verdict(auth, bearerRequest(`token-${at}`))).toMatchObject({
      subject: `owner of token-${at}`,
    })
})

test('a token that the provider now gives to another user closes its socket', async () => {
  const server = testServer({ clock })
  const room = endpoint(
    contract('/ws/chat/:room', { client: text, server: text }),
    { auth: make() },
    async (socket) => {
      for await (const line of socket) socket.send(line)
    },
  )
  issuer.tokens.set('opaque', active('7'))
  const visitor = await visit(
    room,
    { room: 'lobby' },
    { server, headers: { authorization: 'Bearer opaque' } },
  )
  issuer.tokens.set('opaque', active('8'))
  expect(await server.recheck({ user: '7' })).toMatchObject({ closed: 1 })
  expect((await visitor.closed).code).toBe(4401)
})
