import type { Identity } from '../../../src/index.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { introspection, issuerScoped, type IntrospectionOptions, provider } from '../../../src/auth/oidc.ts'
import type { Authenticator } from '../../../src/core/api/handshake.ts'
import { authenticate } from '../../../src/core/access/authenticate.ts'
import { type TestClock, testClock } from '../../../src/testing/clock.ts'
import { bearerRequest, denialOf, authRequestOf, verdict } from '../../support/auth-request.ts'
import { heldBack, scriptedIssuer, type ScriptedIssuer } from '../../support/scripted-issuer.ts'
import { seconds } from '../../support/tokens.ts'

interface User {
  readonly id: string
}

let issuer: ScriptedIssuer
let clock: TestClock
let auth: Authenticator<User>

const make = (options: Partial<IntrospectionOptions<User>> = {}): Authenticator<User> =>
  introspection<User>({
    provider: provider({ issuer: issuer.issuer, clock }),
    client: { id: 'chat', secret: 'the secret of the chat' },
    user: ({ sub }) => ({ id: sub }),
    ...options,
  })

const about = (changed: Record<string, unknown> = {}): Record<string, unknown> => ({
  active: true,
  sub: '7',
  token_type: 'Bearer',
  iat: seconds(clock),
  exp: seconds(clock) + 600,
  ...changed,
})

const ask = (token = 'opaque', one = auth) => verdict(one, bearerRequest(token))
const identityOf = async (token = 'opaque') => {
  const identity = await auth(bearerRequest(token))
  if (identity?.renew === undefined) throw new Error('there is no identity that can be asked again')
  return { ...identity, renew: identity.renew }
}
/** What a renewal comes to: the user, or the denial. */
const renewal = async (identity: Required<Pick<Identity<User>, 'renew'>>): Promise<unknown> => {
  try {
    return (await identity.renew())?.user.id
  } catch (error) {
    return String(error)
  }
}

beforeEach(async () => {
  issuer = await scriptedIssuer()
  clock = testClock()
  auth = make()
  issuer.tokens.set('opaque', about())
})
afterEach(() => issuer.stop())

describe('what is asked', () => {
  test('the token goes in a form with the hint, the client in form-encoded Basic credentials', async () => {
    await ask('opaque', make({ client: { id: 'the chat', secret: 'a:b+c/d%é' } }))
    const [{ form, authorization } = { form: new URLSearchParams(), authorization: '' }] = issuer.introspected
    expect(Object.fromEntries(form)).toEqual({ token: 'opaque', token_type_hint: 'access_token' })
    expect(atob(authorization?.slice(6) ?? '')).toBe('the+chat:a%3Ab%2Bc%2Fd%25%C3%A9')
  })

  test('the client goes into the form where the provider wants it so', async () => {
    await ask('opaque', make({ client: { id: 'chat', secret: 'secret', method: 'post' } }))
    const [{ form, authorization } = { form: new URLSearchParams(), authorization: '' }] = issuer.introspected
    expect([form.get('client_id'), form.get('client_secret'), authorization]).toEqual([
      'chat',
      'secret',
      undefined,
    ])
  })

  test('a request without a token asks the provider nothing', async () => {
    expect(await verdict(auth, authRequestOf({}))).toBeNull()
    expect(issuer.introspected).toEqual([])
  })

  test('nothing is asked about a signed token, nor about one that is too long', async () => {
    expect(await ask(await issuer.sign({ iss: issuer.issuer }))).toBeNull()
    expect(await ask('x'.repeat(16_385))).toBeNull()
    expect(issuer.asked).toEqual([])
  })

  test('signed tokens of the provider are asked about where that is wanted, those of others never', async () => {
    const all = make({ takes: 'all' })
    const own = await issuer.sign({ iss: issuer.issuer })
    issuer.tokens.set(own, about())
    expect(await ask(own, all)).toMatchObject({ user: { id: '7' } })
    expect(await ask(await issuer.sign({ iss: 'https://id.example' }), all)).toBeNull()
    expect(issuer.introspected).toHaveLength(1)
  })

  test('the endpoint can be configured', async () => {
    issuer.document['introspection_endpoint'] = undefined
    const endpoint = new URL('/introspect', issuer.issuer)
    expect(await ask('opaque', make({ endpoint }))).toMatchObject({ user: { id: '7' } })
    await expect(ask()).rejects.toThrow("give one as 'endpoint'")
  })
})

describe('what is answered', () => {
  test('an active token names its user, itself, its session, its scopes and its times', async () => {
    issuer.tokens.set('opaque', about({ jti: 'token-1', sid: 'session-1', scope: 'chat:read chat:write' }))
    expect(await ask()).toMatchObject({
      user: { id: '7' },
      subject: issuerScoped(issuer.issuer, '7'),
      token: issuerScoped(issuer.issuer, 'token-1'),
      session: issuerScoped(issuer.issuer, 'session-1'),
      scopes: ['chat:read', 'chat:write'],
      issuedAt: new Date(seconds(clock) * 1000),
      expires: new Date((seconds(clock) + 600) * 1000),
    })
  })

  test('a token without a name is named by a hash, and one that is named after itself too', async () => {
    const first = await identityOf()
    issuer.tokens.set('other', about({ jti: 'other' }))
    const second = await identityOf('other')
    for (const { token } of [first, second]) expect(token).toMatch(/^[\w-]{22}$/)
    expect(first.token).not.toBe(second.token)
  })

  test('a token that does not say when it was issued counts as older than any revocation', async () => {
    issuer.tokens.set('opaque', about({ iat: undefined }))
    expect((await identityOf()).issuedAt).toEqual(new Date(0))
  })

  test('a token may have no end', async () => {
    issuer.tokens.set('opaque', about({ exp: undefined }))
    expect((await identityOf()).expires).toBeUndefined()
  })

  test.each([
    ['is not active', { active: false }],
    ['has expired', { exp: 1 }],
    ['is of another issuer', { iss: 'https://id.example' }],
    ['is for an audience, where none is configured', { aud: 'api' }],
    ['has no subject', { sub: undefined }],
    ['has a subject that is no text', { sub: 7 }],
    ['is bound to a key', { cnf: { jkt: 'a' } }],
    ['must be proven', { token_type: 'DPoP' }],
    ['may be a refresh token', { token_type: undefined }],
    ["is a refresh token in Hydra's words", { token_use: 'refresh_token' }],
    ["is a refresh token in Keycloak's words", { typ: 'Refresh' }],
    ["is an ID token in Keycloak's words", { typ: 'ID', token_type: undefined }],
  ])('a token that %s is 401', async (_what, changed) => {
    issuer.tokens.set('opaque', about(changed))
    expect(await ask()).toBe('401 invalid-token')
  })

  test.each([
    ["Keycloak's words", { token_type: undefined, typ: 'Bearer' }],
    ["Hydra's words", { token_use: 'access_token' }],
    ['lower case', { token_type: 'bearer' }],
  ])('an access token may be called so in %s', async (_what, changed) => {
    issuer.tokens.set('opaque', about(changed))
    expect(await ask()).toMatchObject({ user: { id: '7' } })
  })

  test('an answer without a kind is taken where that is allowed', async () => {
    issuer.tokens.set('opaque', about({ token_type: undefined }))
    expect(await ask('opaque', make({ untyped: true }))).toMatchObject({ user: { id: '7' } })
  })

  test('an answer without a subject is refused, whatever user the site would make of it', async () => {
    const named = provider({ issuer: issuer.issuer, clock, subject: ({ sub }) => `user:${sub}` })
    issuer.tokens.set('opaque', about({ sub: undefined }))
    expect(await ask('opaque', make({ provider: named }))).toBe('401 invalid-token')
  })

  test('the audience must be among those that are configured', async () => {
    const strict = make({ audience: ['api'] })
    expect(await ask('opaque', strict)).toBe('401 invalid-token')
    for (const [token, aud] of [
      ['one', 'api'],
      ['two', ['x', 'api']],
    ] as const) {
      issuer.tokens.set(token, about({ aud }))
      expect(await ask(token, strict)).toMatchObject({ user: { id: '7' } })
    }
    issuer.tokens.set('three', about({ aud: 'another' }))
    expect(await ask('three', strict)).toBe('401 invalid-token')
  })
})

describe('what is kept', () => {
  test('an answer serves further handshakes for 30 seconds', async () => {
    for (let second = 0; second < 30; second++) {
      expect(await ask()).toMatchObject({ user: { id: '7' } })
      await clock.advance(1_000)
    }
    expect(issuer.introspected).toHaveLength(1)
    await ask()
    expect(issuer.introspected).toHaveLength(2)
  })

  test('an answer does not outlive its token', async () => {
    issuer.tokens.set('opaque', about({ exp: seconds(clock) + 10 }))
    await ask()
    issuer.tokens.delete('opaque')
    await clock.advance(10_000)
    expect(await ask()).toBe('401 invalid-token')
    expect(issuer.introspected).toHaveLength(2)
  })

  test('that a token is not active is kept for 10 seconds', async () => {
    for (let second = 0; second < 10; second++) {
      expect(await ask('unknown')).toBe('401 invalid-token')
      await clock.advance(1_000)
    }
    expect(issuer.introspected).toHaveLength(1)
    issuer.tokens.set('unknown', about())
    expect(await ask('unknown')).toMatchObject({ user: { id: '7' } })
  })

  test('nothing is kept where that is not wanted', async () => {
    const one = make({ keep: '0s' })
    await ask('opaque', one)
    await ask('opaque', one)
    expect(issuer.introspected).toHaveLength(2)
  })

  test('the user is looked up at each handshake all the same', async () => {
    let user: User | null = { id: '7' }
    const one = make({ user: () => user })
    await ask('opaque', one)
    user = null
    expect(await ask('opaque', one)).toBe('401 invalid-token')
    expect(issuer.introspected).toHaveLength(1)
  })

  test('many handshakes with one token at once cause one question', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => ask()))
    for (const each of all) expect(each).toMatchObject({ user: { id: '7' } })
    expect(issuer.introspected).toHaveLength(1)
  })

  test('beyond 64 tokens that are being asked about, one more is 503 and asked to come back', async () => {
    await ask()
    const slow = heldBack()
    issuer.answer('introspection', slow.listener)
    const waiting = Array.from({ length: 64 }, (_, index) => ask(`token-${index}`))
    await slow.asked
    const denial = await denialOf(() => auth(bearerRequest('one-more')))
    expect([denial.status, denial.retryAfterMs]).toEqual([503, 1_000])
    // what is known, and what is under way, is answered
    expect(await ask()).toMatchObject({ user: { id: '7' } })
    const again = ask('token-0')
    slow.give(about())
    for (const each of [...(await Promise.all(waiting)), await again])
      expect(each).toMatchObject({ user: { id: '7' } })
  })
})

describe('a renewal', () => {
  test('asks the provider, although an answer is kept', async () => {
    const identity = await identityOf()
    issuer.tokens.delete('opaque')
    expect(await renewal(identity)).toContain('the token is not valid')
    expect(issuer.introspected).toHaveLength(2)
  })

  // proves: cached-token
  test('that finds the token revoked takes the kept answer away for good', async () => {
    const identity = await identityOf()
    issuer.tokens.delete('opaque')
    await renewal(identity)
    expect(await ask()).toBe('401 invalid-token')
    expect(issuer.introspected).toHaveLength(2)
    await clock.advance(11_000)
    expect(await ask()).toBe('401 invalid-token')
    expect(issuer.introspected).toHaveLength(3)
  })

  test('that finds the token active again lets it in at once', async () => {
    const identity = await identityOf()
    issuer.tokens.delete('opaque')
    await renewal(identity)
    issuer.tokens.set('opaque', about())
    expect(await renewal(identity)).toBe('7')
    expect(await ask()).toMatchObject({ user: { id: '7' } })
  })

  test('takes over what has changed, and can be repeated', async () => {
    const identity = await identityOf()
    issuer.tokens.set('opaque', about({ scope: 'chat:write', exp: seconds(clock) + 900 }))
    const now = await identity.renew()
    expect(now).toMatchObject({ scopes: ['chat:write'], expires: new Date((seconds(clock) + 900) * 1000) })
    issuer.tokens.delete('opaque')
    await expect(now?.renew?.()).rejects.toMatchObject({ status: 401 })
  })

  test('does not take the answer to a question that left before it', async () => {
    const identity = await identityOf()
    const slow = heldBack()
    issuer.answer('introspection', slow.listener)
    const first = renewal(identity)
    await slow.asked
    const later = [renewal(identity), renewal(identity)]
    issuer.answer('introspection', null)
    issuer.tokens.delete('opaque')
    slow.give(about())
    expect(await first).toBe('7')
    for (const each of await Promise.all(later)) expect(each).toContain('the token is not valid')
    expect(await ask()).toBe('401 invalid-token')
    // one for the handshake, one that was held back (and not counted), one for both that came later
    expect(issuer.introspected).toHaveLength(2)
  })

  test('of a thousand sockets with one token costs two questions', async () => {
    const identity = await identityOf()
    const all = await Promise.all(Array.from({ length: 1_000 }, () => renewal(identity)))
    expect(new Set(all)).toEqual(new Set(['7']))
    expect(issuer.introspected).toHaveLength(3)
  })
})

describe('an endpoint', () => {
  test.each<[string, string | number]>([
    ['that answers 500', 500],
    ['that answers 400', 400],
    ['that does not know the client', 401],
    ['that redirects', 307],
    ['that answers no JSON', '<html>'],
    ['that does not say whether the token is active', '{"sub":"7"}'],
    ['that says so in a text', '{"active":"true","sub":"7"}'],
    ['that answers more than 64 KB', JSON.stringify({ active: true, x: 'x'.repeat(65_536) })],
  ])('%s gives no verdict', async (_what, answer) => {
    issuer.answer('introspection', (_request, response) =>
      typeof answer === 'number'
        ? response.writeHead(answer, { location: '/introspect' }).end()
        : response.end(answer),
    )
    const { status, cause } = await denialOf(() => authenticate(auth, bearerRequest('opaque')))
    expect(status).toBe(503)
    expect(String(cause)).toContain('the introspection endpoint gave no answer')
  })

  test('that is away is left alone for half a second, then 1, 2, 4 and 5, under any load', async () => {
    await ask()
    let questions = 0
    const times: number[] = []
    issuer.answer('introspection', (_request, response) => {
      questions++
      response.writeHead(503).end()
    })
    for (let half = 0; half < 40; half++) {
      const before = questions
      await Promise.allSettled(Array.from({ length: 10 }, (_, index) => ask(`${half}-${index}`)))
      if (questions > before) times.push(half / 2)
      await clock.advance(500)
    }
    expect(times).toEqual([0, 0.5, 1.5, 3.5, 7.5, 12.5, 17.5])
  })

  test('that breaks off is left alone as well', async () => {
    issuer.answer('introspection', (request) => request.socket.destroy())
    await expect(ask('first')).rejects.toThrow('gave no answer')
    await expect(ask('second')).rejects.toThrow('did not answer a moment ago')
    issuer.answer('introspection', null)
    await clock.advance(500)
    expect(await ask()).toMatchObject({ user: { id: '7' } })
  })

  test('that has answered in between is left alone for half a second again', async () => {
    const away = (): void =>
      issuer.answer('introspection', (_request, response) => response.writeHead(503).end())
    for (let time = 0; time < 3; time++) {
      away()
      await expect(ask(`away-${time}`)).rejects.toThrow('no answer')
      issuer.answer('introspection', null)
      await clock.advance(500)
      expect(await ask(`back-${time}`)).toBe('401 invalid-token')
    }
  })

  test('that redirects is not followed, even to itself', async () => {
    issuer.answer('introspection', (_request, response) =>
      response.writeHead(307, { location: '/.well-known/oauth-authorization-server' }).end(),
    )
    issuer.answer('oauth', (_request, response) => response.end(JSON.stringify(about())))
    await expect(ask()).rejects.toThrow('no answer')
    expect(issuer.count('oauth')).toBe(0)
  })

  test('that refuses one question is not left alone: others would pay for a strange token', async () => {
    issuer.answer('introspection', (_request, response) => response.writeHead(400).end())
    await expect(ask('strange')).rejects.toThrow('no answer')
    issuer.answer('introspection', null)
    expect(await ask()).toMatchObject({ user: { id: '7' } })
  })

  test('that does not answer is given up after five seconds', async () => {
    await ask()
    const slow = heldBack()
    issuer.answer('introspection', slow.listener)
    const pending = expect(ask('other')).rejects.toMatchObject({
      cause: { message: 'no answer within 5000 ms' },
    })
    await slow.asked
    await clock.advance(5_000)
    await pending
  })

  test('that is away keeps who is inside: a renewal gives no verdict', async () => {
    const identity = await identityOf()
    issuer.answer('introspection', (_request, response) => response.writeHead(503).end())
    expect(await renewal(identity)).toContain('gave no answer')
    expect(await ask()).toMatchObject({ user: { id: '7' } })
  })
})

describe('a configuration is refused at start', () => {
  test.each<[string, Partial<IntrospectionOptions<User>>, string]>([
    [
      'without a secret',
      { client: { id: 'chat', secret: '' } },
      "the option 'secret' is a string that is not empty, not an empty string",
    ],
    [
      'with a secret that the environment does not have',
      { client: { id: 'chat', secret: undefined as unknown as string } },
      "the option 'secret' is a string that is not empty, not undefined",
    ],
    ['without a client', { client: { id: '', secret: 'secret' } }, "the option 'id' is a string"],
    ['that keeps answers for more than five minutes', { keep: '6m' }, '5 minutes'],
    [
      'with an endpoint over plain http',
      { endpoint: new URL('http://id.example') },
      "'endpoint' must be an https URL",
    ],
  ])('%s', (_what, options, message) => {
    expect(() => make(options)).toThrow(new RegExp(message))
  })
})
