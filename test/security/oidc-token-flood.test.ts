import { beforeEach, expect, test } from 'vitest'
import { introspection, provider } from '../../src/auth/oidc.ts'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import { type TestClock, testClock } from '../../src/testing/clock.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'

// Invented tokens must not push the answers about good ones out of memory, and cost one question each.
const issuer = 'https://id.example'
let clock: TestClock
let auth: Authenticator<unknown>
let asked: Map<string, number>

/** The provider, without a network between: twelve thousand requests over one would take half a minute. */
const answered: typeof fetch = async (url, init) => {
  if (String(url).includes('well-known'))
    return Response.json({
      issuer,
      jwks_uri: `${issuer}/jwks`,
      introspection_endpoint: `${issuer}/introspect`,
    })
  const token = new URLSearchParams(String(init?.body)).get('token') ?? ''
  asked.set(token, questionsAbout(token) + 1)
  return Response.json(
    token === 'good' ? { active: true, token_type: 'Bearer', sub: '7' } : { active: false },
  )
}

beforeEach(() => {
  asked = new Map()
  clock = testClock()
  auth = introspection({
    provider: provider({ issuer, clock, fetch: answered, subject: ({ sub }) => sub }),
    client: { id: 'chat', secret: 'secret' },
    user: ({ sub }) => ({ id: sub }),
  })
})

const ask = (token: string): Promise<unknown> => verdict(auth, bearerRequest(token))
const questionsAbout = (token: string): number => asked.get(token) ?? 0

// proves: invented-tokens
test('twelve thousand invented tokens do not make a good one be asked about again', async () => {
  expect(await ask('good')).toMatchObject({ subject: '7' })
  for (let batch = 0; batch < 12_000; batch += 60)
    await Promise.all(Array.from({ length: 60 }, (_, at) => ask(`invented-${batch + at}`)))
  expect(await ask('good')).toMatchObject({ subject: '7' })
  expect(questionsAbout('good')).toBe(1)
  // what was kept of the first of them has made room
  await ask('invented-0')
  expect(questionsAbout('invented-0')).toBe(2)
  await ask('invented-11999')
  expect(questionsAbout('invented-11999')).toBe(1)
})

test('one invented token that is sent again and again is asked about once in ten seconds', async () => {
  for (let second = 0; second < 60; second++) {
    for (let time = 0; time < 20; time++) expect(await ask('invented')).toBe('401 invalid-token')
    await clock.advance(1_000)
  }
  expect(questionsAbout('invented')).toBe(6)
})
