import type { RequestListener } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { oidc, type Provider, provider } from '../../../src/auth/oidc.ts'
import { authenticate } from '../../../src/core/access/authenticate.ts'
import { type TestClock, testClock } from '../../../src/testing/clock.ts'
import { bearerRequest, denialOf, verdict } from '../../support/auth-request.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../../support/scripted-issuer.ts'
import { seconds } from '../../support/tokens.ts'

let issuer: ScriptedIssuer
let clock: TestClock
let one: Provider

beforeEach(async () => {
  issuer = await scriptedIssuer()
  clock = testClock()
  one = provider({ issuer: issuer.issuer, clock })
})
afterEach(() => issuer.stop())

const away: RequestListener = (_request, response) => response.writeHead(503).end()

test('nothing is fetched before the first token', async () => {
  const auth = oidc({ provider: one, audience: 'api', user: () => ({ id: '7' }) })
  expect(await auth(bearerRequest('opaque'))).toBeNull()
  expect(issuer.asked).toEqual([])
})

test('the document is read once, however many ask at once', async () => {
  await Promise.all(Array.from({ length: 100 }, () => one.metadata()))
  const { jwks, introspection } = await one.metadata()
  expect([jwks.pathname, introspection?.pathname]).toEqual(['/jwks', '/introspect'])
  expect(issuer.count('openid')).toBe(1)
})

test('an issuer without introspection has none', async () => {
  issuer.document['introspection_endpoint'] = undefined
  expect((await one.metadata()).introspection).toBeNull()
})

test('RFC 8414 puts the document between host and path of an issuer, OpenID Connect behind both', async () => {
  const issued = `${issuer.issuer}/tenant/`
  const asks = async (wellKnown: 'openid-configuration' | 'oauth-authorization-server'): Promise<void> => {
    await provider({ issuer: issued, wellKnown, clock })
      .metadata()
      .catch(() => {})
  }
  await asks('openid-configuration')
  await asks('oauth-authorization-server')
  expect(issuer.asked).toEqual([
    '/tenant/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/tenant',
  ])
})

test('the document of RFC 8414 is read where it is asked for', async () => {
  const other = provider({ issuer: issuer.issuer, wellKnown: 'oauth-authorization-server', clock })
  expect((await other.metadata()).jwks.pathname).toBe('/jwks')
})

test('the document is read again beside the answer after an hour', async () => {
  await one.metadata()
  issuer.document['jwks_uri'] = `${issuer.issuer}/other-keys`
  await clock.advance(3_599_000)
  expect((await one.metadata()).jwks.pathname).toBe('/jwks')
  expect(issuer.count('openid')).toBe(1)
  await clock.advance(1_000)
  expect((await one.metadata()).jwks.pathname).toBe('/jwks')
  await expect.poll(async () => (await one.metadata()).jwks.pathname).toBe('/other-keys')
})

test('keys are looked for where the document says that they are now', async () => {
  const auth = oidc({ provider: one, audience: 'api', user: ({ sub }) => ({ id: sub }) })
  const token = (): Promise<string> =>
    issuer.sign(
      {
        iss: issuer.issuer,
        aud: 'api',
        sub: '7',
        client_id: 'c',
        jti: 'j',
        iat: seconds(clock),
        exp: seconds(clock) + 60,
      },
      { typ: 'at+jwt' },
    )
  expect(await verdict(auth, bearerRequest(await token()))).toMatchObject({ user: { id: '7' } })
  issuer.document['jwks_uri'] = `${issuer.issuer}/moved`
  await clock.advance(3_600_000)
  await one.metadata()
  await expect.poll(async () => (await one.metadata()).jwks.pathname).toBe('/moved')
  await expect(verdict(auth, bearerRequest(await token()))).rejects.toThrow('/moved could not be fetched')
})

test('what is known of a provider that is away holds for a day, and no longer', async () => {
  await one.metadata()
  issuer.answer('openid', away)
  await clock.advance(24 * 3_600_000 - 1)
  await one.metadata()
  await clock.advance(1)
  await expect(one.metadata()).rejects.toThrow('could not be fetched')
})

describe('a provider that is away at the start', () => {
  test('stops nothing: handshakes are 503 until it answers', async () => {
    issuer.answer('openid', away)
    const auth = oidc({ provider: one, audience: 'api', user: () => ({ id: '7' }) })
    const token = await issuer.sign({ iss: issuer.issuer }, { typ: 'at+jwt' })
    const denial = await denialOf(() => authenticate(auth, bearerRequest(token)))
    expect([denial.status, denial.reason]).toEqual([503, 'unavailable'])
    issuer.answer('openid', null)
    await clock.advance(1_000)
    expect(await verdict(auth, bearerRequest(token))).toBe('401 invalid-token')
  })

  // proves: provider-away
  test('is asked after 1, 2, 4 and so on up to 30 seconds, whatever storms', async () => {
    issuer.answer('openid', away)
    const times: number[] = []
    for (let second = 0; second <= 91; second++) {
      const before = issuer.count('openid')
      await Promise.allSettled(Array.from({ length: 20 }, () => one.metadata()))
      if (issuer.count('openid') > before) times.push(second)
      await clock.advance(1_000)
    }
    expect(times).toEqual([0, 1, 3, 7, 15, 31, 61, 91])
    expect(issuer.count('openid')).toBe(times.length)
  })
})

describe('a document is refused', () => {
  const refused = async (): Promise<unknown> =>
    one.metadata().then(
      () => null,
      (error: unknown) => error,
    )
  const json =
    (body: unknown): RequestListener =>
    (_request, response) =>
      response.end(JSON.stringify(body))

  test.each<[string, string, RequestListener]>([
    ['that is no JSON', 'no JSON object', (_request, response) => response.end('<html>')],
    ['that is a list', 'no JSON object', json([])],
    [
      'that is nested too deep',
      'no JSON object',
      (_request, response) => response.end('['.repeat(200) + ']'.repeat(200)),
    ],
    ['that is not there', 'answered 404', (_request, response) => response.writeHead(404).end()],
    ['without issuer and keys', 'another issuer', json({})],
  ])('%s', async (_what, why, listener) => {
    issuer.answer('openid', listener)
    expect(await refused()).toMatchObject({
      message: expect.stringContaining('could not be fetched'),
      cause: { message: expect.stringContaining(why) },
    })
  })

  test.each([
    ['without keys', { jwks_uri: undefined }],
    ['with keys that are no URL', { jwks_uri: '/jwks' }],
    ['with keys over plain http from another host', { jwks_uri: 'http://id.example/jwks' }],
    ['with keys behind a password', { jwks_uri: 'https://a:b@id.example/jwks' }],
    ['with keys in a file', { jwks_uri: 'file:///etc/passwd' }],
    ['with an introspection endpoint elsewhere', { introspection_endpoint: 'https://id.example/introspect' }],
    ['with an issuer that ends in a slash', { issuer: 'slash' }],
  ])('%s', async (_what, changed) => {
    Object.assign(issuer.document, 'issuer' in changed ? { issuer: `${issuer.issuer}/` } : changed)
    expect(await refused()).toMatchObject({
      cause: { message: expect.stringMatching(/issuer|https URL|'hosts'/) },
    })
  })

  test('with keys in a list, which reads like a URL', async () => {
    issuer.document['jwks_uri'] = [`${issuer.issuer}/jwks`]
    expect(await refused()).toMatchObject({ cause: { message: "the provider's jwks_uri is no https URL" } })
  })

  test('that is behind a redirect, even to the same server', async () => {
    issuer.answer('openid', (_request, response) =>
      response.writeHead(302, { location: '/.well-known/oauth-authorization-server' }).end(),
    )
    expect(await refused()).toMatchObject({ cause: { message: 'the provider redirects too often' } })
    expect(issuer.count('oauth')).toBe(0)
  })

  test('that has not come within five seconds', async () => {
    const arrival = Promise.withResolvers<void>()
    issuer.answer('openid', () => arrival.resolve())
    const pending = refused()
    await arrival.promise
    await clock.advance(5_000)
    expect(await pending).toMatchObject({ cause: { message: 'no answer within 5000 ms' } })
  })
})

test.each(['https://id.example/tenant', 'http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1'])(
  'an issuer may be %s',
  (good) => {
    expect(provider({ issuer: good }).issuer).toBe(good)
  },
)

describe('a configuration is refused at start', () => {
  test.each([
    ['with plain http', 'http://id.example'],
    ['with a query', 'https://id.example/?a=b'],
    ['with a fragment', 'https://id.example/#a'],
    ['with an empty query', 'https://id.example/?'],
    ['with a password', 'https://a:b@id.example'],
    ['with a password and no name', 'https://:b@id.example'],
    ['with a name', 'https://a@id.example'],
    ['without a URL', 'id.example'],
    ['with another protocol', 'ftp://id.example'],
    ['with another protocol to this machine', 'ftp://127.0.0.1'],
  ])('%s', (_what, wrong) => {
    expect(() => provider({ issuer: wrong })).toThrow("'issuer' must be an https URL")
  })
})
