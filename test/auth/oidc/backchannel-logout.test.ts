import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  backchannelLogout,
  type BackchannelLogoutOptions,
  issuerScoped,
  type LogoutEvent,
  provider,
} from '../../../src/auth/oidc.ts'
import { type TestClock, testClock } from '../../../src/testing/clock.ts'
import { testServer } from '../../../src/testing.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../../support/scripted-issuer.ts'
import { seconds } from '../../support/tokens.ts'

const event = 'http://schemas.openid.net/event/backchannel-logout'
const receipt = { closed: 1, changed: 0, dropped: 0, nodes: ['a'], silent: [] }

let issuer: ScriptedIssuer
let clock: TestClock
let told: LogoutEvent[]
/** What the server was told to revoke; here it closes one socket each time. */
let revoked: object[]
let handler: (request: Request) => Promise<Response>

const make = (options: Partial<BackchannelLogoutOptions> = {}): typeof handler =>
  backchannelLogout({
    provider: provider({ issuer: issuer.issuer, clock }),
    client: 'site',
    server: {
      revoke: async (whom) => {
        revoked.push(whom)
        return receipt
      },
    },
    store: testServer({ clock }).store,
    on: (one) => void told.push(one),
    ...options,
  })

let count = 0
const token = (
  changed: Record<string, unknown> = {},
  header: Record<string, unknown> = { typ: 'logout+jwt' },
) =>
  issuer.sign(
    {
      iss: issuer.issuer,
      aud: 'site',
      iat: seconds(clock),
      exp: seconds(clock) + 120,
      jti: `logout-${++count}`,
      events: { [event]: {} },
      sub: '7',
      sid: 'session-1',
      ...changed,
    },
    header,
  )

const url = 'https://site.example/backchannel-logout'
const post = (
  body: URLSearchParams | string | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Request =>
  // a stream has no length that could be looked at beforehand
  new Request(url, {
    method: 'POST',
    body,
    headers,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  })
const form = (logoutToken: string): URLSearchParams => new URLSearchParams({ logout_token: logoutToken })
const send = async (logoutToken: string, one = handler): Promise<number> =>
  (await one(post(form(logoutToken)))).status

beforeEach(async () => {
  issuer = await scriptedIssuer()
  clock = testClock()
  told = []
  revoked = []
  handler = make()
})
afterEach(() => issuer.stop())

const reason = 'you have signed out'

const session = (): string => issuerScoped(issuer.issuer, 'session-1')
const user = (): string => issuerScoped(issuer.issuer, '7')

describe('a logout', () => {
  test('ends the session, and then all else of its user', async () => {
    expect(await send(await token())).toBe(200)
    expect(revoked).toEqual([
      { session: session(), reason },
      { user: user(), reason },
    ])
    expect(told).toEqual([{ type: 'logout', session: session(), subject: user(), closed: 2 }])
  })

  test('ends the session alone where that is wanted', async () => {
    expect(await send(await token(), make({ ends: 'session' }))).toBe(200)
    expect(revoked).toEqual([{ session: session(), reason }])
  })

  test('of a user ends all of theirs, whatever is wanted', async () => {
    expect(await send(await token({ sid: undefined }), make({ ends: 'session' }))).toBe(200)
    expect(revoked).toEqual([{ user: user(), reason }])
  })

  test('of a session ends that', async () => {
    expect(await send(await token({ sub: undefined }))).toBe(200)
    expect(revoked).toEqual([{ session: session(), reason }])
  })

  test('of a session that names no user looks for none', async () => {
    const named = provider({ issuer: issuer.issuer, clock, subject: ({ sub }) => `user:${sub}` })
    expect(await send(await token({ sub: undefined }), make({ provider: named }))).toBe(200)
    expect(revoked).toEqual([{ session: session(), reason }])
  })

  test('names the user as the provider was told to', async () => {
    const named = provider({
      issuer: issuer.issuer,
      clock,
      subject: async ({ iss, sub }) => (sub === '7' ? `${iss} ${sub}` : null),
    })
    const one = make({ provider: named })
    expect(await send(await token({ sid: undefined }), one)).toBe(200)
    expect(revoked).toEqual([{ user: `${issuer.issuer} 7`, reason }])
    expect(await send(await token({ sid: undefined, sub: 'unknown' }), one)).toBe(200)
    expect(revoked).toHaveLength(1)
  })

  test('is answered without a body, and never kept', async () => {
    const response = await handler(post(form(await token())))
    expect([response.status, response.headers.get('cache-control'), await response.text()]).toEqual([
      200,
      'no-store',
      '',
    ])
  })

  test('may be for one of several clients, and have other fields in its form', async () => {
    const several = make({ client: ['other', 'site'] })
    const body = form(await token({ aud: ['site', 'x'] }))
    body.set('anything', 'else')
    expect((await several(post(body))).status).toBe(200)
  })
})

describe('a logout token is refused', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['without an issuer', { iss: undefined }, 'another issuer'],
    ['of another issuer', { iss: 'https://id.example' }, 'another issuer'],
    ['without an audience', { aud: undefined }, 'aud is missing'],
    ['for another client', { aud: 'other' }, 'another audience'],
    ['without a time', { iat: undefined }, 'iat is missing'],
    ['without an end', { exp: undefined }, 'exp is missing'],
    ['that has expired', { exp: 1 }, 'expired'],
    ['from the future', { iat: 8e12 }, 'future'],
    ['without a name', { jti: undefined }, 'jti is missing'],
    ['without events', { events: undefined }, 'no logout'],
    ['with another event', { events: { 'http://schemas.openid.net/event/other': {} } }, 'no logout'],
    ['with an event that is no object', { events: { [event]: true } }, 'no logout'],
    ['with events in a list', { events: [event] }, 'no logout'],
    ['that names no user and no session', { sub: undefined, sid: undefined }, 'neither'],
    ['with a session that is no text', { sid: 7 }, 'sid is no text'],
    ['with a nonce', { nonce: 'n' }, 'nonce'],
    ['with an empty nonce', { nonce: null }, 'nonce'],
  ])('%s', async (_what, changed, detail) => {
    expect(await send(await token(changed))).toBe(400)
    expect(told).toEqual([{ type: 'refused', detail: expect.stringContaining(detail) }])
    expect(revoked).toEqual([])
  })

  test.each([undefined, 'JWT', 'at+jwt', 'secevent+jwt'])('of the type %s', async (typ) => {
    expect(await send(await token({}, typ === undefined ? {} : { typ }))).toBe(400)
    expect(revoked).toEqual([])
  })

  test('that is older than two minutes, however long it says that it lives', async () => {
    const kept = await token({ exp: seconds(clock) + 86_400 })
    await clock.advance(125_000)
    expect(await send(kept)).toBe(400)
    expect(told).toEqual([{ type: 'refused', detail: 'it was made too long ago' }])
  })

  test('with one text for every reason', async () => {
    const texts = new Set<string>()
    for (const changed of [{ aud: 'other' }, { nonce: 'n' }, { exp: 1 }]) {
      const response = await handler(post(form(await token(changed))))
      expect(response.headers.get('cache-control')).toBe('no-store')
      texts.add(await response.text())
    }
    expect([...texts]).toEqual([
      '{"error":"invalid_request","error_description":"the logout token was not accepted"}',
    ])
  })
})

describe('a request is refused', () => {
  test('that is no POST', async () => {
    const response = await handler(new Request(`${url}?${String(form(await token()))}`))
    expect([response.status, response.headers.get('allow'), response.headers.get('cache-control')]).toEqual([
      405,
      'POST',
      'no-store',
    ])
  })

  test('that is no form', async () => {
    const body = JSON.stringify({ logout_token: await token() })
    expect((await handler(post(body, { 'content-type': 'application/json' }))).status).toBe(400)
    expect((await handler(post(String(form(await token())), { 'content-type': 'text/plain' }))).status).toBe(
      400,
    )
  })

  test('without a token, or with two', async () => {
    expect((await handler(post(new URLSearchParams()))).status).toBe(400)
    const body = form(await token())
    body.append('logout_token', await token())
    expect((await handler(post(body))).status).toBe(400)
    expect(revoked).toEqual([])
  })

  test('that is larger than 32 KB, without being read to its end', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 4_096
        controller.enqueue(new Uint8Array(4_096).fill(97))
      },
    })
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await handler(post(endless, type))).status).toBe(400)
    expect(sent).toBeLessThan(65_536)
  })

  test('that has not come within five seconds', async () => {
    const pulled = Promise.withResolvers<void>()
    const silent = new ReadableStream<Uint8Array>({ pull: () => pulled.resolve() })
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const pending = handler(post(silent, type))
    await pulled.promise
    await clock.advance(5_000)
    expect((await pending).status).toBe(400)
  })
})

describe('a logout that fails', () => {
  // proves: forged-logout
  test('is 400, is told, and may be tried again with the same token', async () => {
    let isAway = true
    const one = make({
      server: {
        revoke: async (whom) => {
          if (isAway) throw new Error('layer away')
          revoked.push(whom)
          return receipt
        },
      },
    })
    const same = await token()
    expect(await send(same, one)).toBe(400)
    expect(told).toEqual([{ type: 'failed', error: new Error('layer away') }])
    isAway = false
    await clock.advance(1)
    expect(await send(same, one)).toBe(200)
    expect(await send(same, one)).toBe(400)
  })

  test('because the keys cannot be had is told as such', async () => {
    issuer.answer('keys', (_request, response) => response.writeHead(503).end())
    expect(await send(await token())).toBe(400)
    expect(told).toMatchObject([{ type: 'failed' }])
  })

  test('because the store is away ends no session without a report', async () => {
    const store = { claim: () => Promise.reject(new Error('store away')) }
    expect(await send(await token(), make({ store }))).toBe(400)
    expect(told).toMatchObject([{ type: 'failed' }])
  })
})

test.each(['', [], ['site', ''], undefined])('the client %j is none', (client) => {
  // what a program without types could write
  expect(() => make({ client: client as string })).toThrow(
    "the option 'client' is the id of your site's client at the provider, or several",
  )
})
