import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import { type TestClock, testClock } from '../../src/testing/clock.ts'
import { bearerRequest, denialOf, verdict } from '../support/auth-request.ts'
import { handmade, seconds } from '../support/tokens.ts'

interface User {
  readonly id: string
}

const old = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const next = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const user = ({ sub }: { sub: string }): User => ({ id: sub })
const alice = { user: { id: '7' } }
const minute = 60_000

let server: Server
let origin: string
let answer: RequestListener
let fetches: number
let clock: TestClock
let one: Authenticator<User>

beforeEach(async () => {
  fetches = 0
  server = createServer((request, response) => {
    fetches++
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // a server that listens on TCP has an address with a port
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  clock = testClock()
  one = jwt({ jwks: new URL('/jwks', origin), clock, user })
  answer = await publishing({ old: old.publicKey })
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function publishing(keys: Readonly<Record<string, KeyObject>>): Promise<RequestListener> {
  const jwks = await Promise.all(
    Object.entries(keys).map(async ([kid, key]) => ({ ...(await exportJWK(key)), kid })),
  )
  return (_request, response) => response.end(JSON.stringify({ keys: jwks }))
}

const broken: RequestListener = (_request, response) => response.writeHead(500).end()

async function token(kid: string, { privateKey } = old): Promise<string> {
  return new SignJWT({ sub: '7' })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setExpirationTime(seconds(clock) + 30 * 3600)
    .sign(privateKey)
}

const asked = async (kid: string, pair = old) => verdict(one, bearerRequest(await token(kid, pair)))

test('nothing is fetched before the first token', async () => {
  expect(await one(bearerRequest('opaque'))).toBeNull()
  expect(fetches).toBe(0)
})

test('a key set is fetched once and kept', async () => {
  expect(await asked('old')).toMatchObject(alice)
  expect(await asked('old')).toMatchObject(alice)
  expect(fetches).toBe(1)
})

test('many tokens at once cause one fetch', async () => {
  const request = bearerRequest(await token('old'))
  const all = await Promise.all(Array.from({ length: 100 }, () => verdict(one, request)))
  for (const each of all) expect(each).toMatchObject(alice)
  expect(fetches).toBe(1)
})

test('a new key is found with one more fetch', async () => {
  await asked('old')
  answer = await publishing({ old: old.publicKey, next: next.publicKey })
  await clock.advance(minute)
  expect(await asked('next', next)).toMatchObject(alice)
  expect(fetches).toBe(2)
})

describe('a new key within 30 seconds of the last fetch', () => {
  const third = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const both = () => publishing({ old: old.publicKey, next: next.publicKey })
  const all = () => publishing({ old: old.publicKey, next: next.publicKey, third: third.publicKey })

  test('is found with one fetch more, also with a set that was fetched in the same moment', async () => {
    await asked('old')
    answer = await both()
    expect(await asked('next', next)).toMatchObject(alice)
    expect(fetches).toBe(2)
  })

  // proves: unknown-keys
  test('after that fetch is 503, which says when to come back, and is found then', async () => {
    await asked('old')
    answer = await both()
    await asked('next', next)
    answer = await all()
    await clock.advance(10_000)
    const request = bearerRequest(await token('third', third))
    expect(await denialOf(() => one(request))).toMatchObject({
      status: 503,
      reason: 'unavailable',
      retryAfterMs: 20_000,
    })
    expect(await asked('next', next)).toMatchObject(alice)
    expect(fetches).toBe(2)
    await clock.advance(20_000)
    expect(await verdict(one, request)).toMatchObject(alice)
    expect(fetches).toBe(3)
  })

  test('is 503 after an invented name has used that fetch, and is found once the time is over', async () => {
    await asked('old')
    expect(await asked('invented')).toBe('401 invalid-token')
    answer = await both()
    expect(await asked('next', next)).toBe('503 unavailable')
    await clock.advance(30_000)
    expect(await asked('next', next)).toMatchObject(alice)
  })

  test('that came while another fetch was under way is looked for in a fetch after that', async () => {
    await asked('old')
    const before = await publishing({ old: old.publicKey })
    const held = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    answer = (request, response) => {
      arrived.resolve()
      void held.promise.then(() => before(request, response))
    }
    await clock.advance(6 * minute)
    // the set is old: it is fetched beside this answer
    expect(await asked('old')).toMatchObject(alice)
    await arrived.promise
    const pending = asked('next', next)
    answer = await both()
    held.resolve()
    expect(await pending).toMatchObject(alice)
    expect(fetches).toBe(3)
  })

  test('is 503 too for a key that names no key, of an algorithm that the set lacks', async () => {
    const es384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const unnamed = async (): Promise<unknown> =>
      verdict(
        one,
        bearerRequest(
          await new SignJWT({ sub: '7' })
            .setProtectedHeader({ alg: 'ES384' })
            .setExpirationTime(seconds(clock) + 3600)
            .sign(es384.privateKey),
        ),
      )
    await asked('old')
    expect(await unnamed()).toBe('401 invalid-token')
    expect(await unnamed()).toBe('503 unavailable')
    expect(fetches).toBe(2)
  })

  test('is not looked for under an algorithm that no key can have', async () => {
    await asked('old')
    for (const alg of ['none', 'HS256', 'RS1']) {
      const forged = handmade({ alg, kid: 'next' }, { sub: '7', exp: seconds(clock) + 60 })
      expect(await verdict(one, bearerRequest(forged))).toBe('401 invalid-token')
    }
    expect(fetches).toBe(1)
  })

  test('is not looked for under the name of one that was dropped, which is 401', async () => {
    await asked('old')
    answer = await publishing({ next: next.publicKey })
    await asked('next', next)
    for (let count = 0; count < 5; count++) expect(await asked('old')).toBe('401 invalid-token')
    expect(fetches).toBe(2)
  })
})

test('a key that was dropped and is published again is found once the set may be fetched', async () => {
  await asked('old')
  answer = await publishing({ next: next.publicKey })
  await asked('next', next)
  expect(await asked('old')).toBe('401 invalid-token')
  answer = await publishing({ old: old.publicKey, next: next.publicKey })
  await clock.advance(30_000)
  expect(await asked('old')).toMatchObject(alice)
})

test('a key that vanished is dropped within ten minutes', async () => {
  await asked('old')
  answer = await publishing({ next: next.publicKey })
  await clock.advance(10 * minute)
  expect(await asked('old')).toBe('401 invalid-token')
})

test('keys that grow old are fetched beside the answer', async () => {
  await asked('old')
  answer = await publishing({ next: next.publicKey })
  await clock.advance(6 * minute)
  expect(await asked('old')).toMatchObject(alice)
  await expect.poll(() => fetches).toBe(2)
  await expect.poll(() => asked('old')).toBe('401 invalid-token')
})

test('a step of the wall clock neither keeps a set longer nor causes a fetch', async () => {
  await asked('old')
  for (const step of [-86_400_000, 3_600_000, -7_200_000]) {
    clock.jump(step)
    await asked('old')
  }
  expect(fetches).toBe(1)
  answer = await publishing({ next: next.publicKey })
  clock.jump(-86_400_000)
  await clock.advance(10 * minute)
  expect(await asked('old')).toBe('401 invalid-token')
})

test('the last good set holds for a day while the server is away, and no longer', async () => {
  await asked('old')
  answer = broken
  await clock.advance(23 * 60 * minute)
  expect(await asked('old')).toMatchObject(alice)
  await clock.advance(60 * minute)
  await expect(asked('old')).rejects.toThrow('could not be fetched')
})

test('a server that is away and a set that was never there are answered 503', async () => {
  answer = broken
  const request = bearerRequest(await token('old'))
  await expect(one(request)).rejects.toThrow('could not be fetched')
  expect((await denialOf(() => authenticate(one, request))).status).toBe(503)
})

test('a server that comes back is noticed a second later', async () => {
  answer = broken
  await expect(asked('old')).rejects.toThrow('could not be fetched')
  answer = await publishing({ old: old.publicKey })
  await expect(asked('old')).rejects.toThrow('could not be fetched')
  await clock.advance(1_000)
  expect(await asked('old')).toMatchObject(alice)
})

test('an unknown key while the server is away is no verdict', async () => {
  await asked('old')
  answer = broken
  await clock.advance(minute)
  await expect(asked('next', next)).rejects.toThrow('could not be fetched')
  expect(await asked('old')).toMatchObject(alice)
})

test.each<[string, RequestListener]>([
  ['no JSON', (_request, response) => response.end('<html>')],
  ['no set', (_request, response) => response.end('{"keys":{}}')],
  ['a list', (_request, response) => response.end('[]')],
  [
    'too many keys',
    (_request, response) => response.end(JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) })),
  ],
  [
    'more than 256 KB',
    (_request, response) => response.end(JSON.stringify({ keys: [], x: 'x'.repeat(262_144) })),
  ],
  ['not found', (_request, response) => response.writeHead(404).end()],
  ['a redirect without end', (_request, response) => response.writeHead(302, { location: '/jwks' }).end()],
])('an answer that is %s is no key set', async (_what, wrong) => {
  answer = wrong
  await expect(asked('old')).rejects.toThrow('could not be fetched')
})

test('an endless answer is cut at 256 KB', async () => {
  answer = (_request, response) => {
    const more = (): void => void response.write(' '.repeat(65_536), () => response.destroyed || more())
    more()
  }
  await expect(asked('old')).rejects.toMatchObject({
    cause: { message: 'what the key server answers is larger than 262144 bytes' },
  })
})

test('a redirect to another origin is not followed, although the keys are there', async () => {
  const published = await publishing({ old: old.publicKey })
  const elsewhere = origin.replace('127.0.0.1', 'localhost')
  answer = (request, response) =>
    request.headers.host?.startsWith('localhost') === true
      ? published(request, response)
      : response.writeHead(302, { location: `${elsewhere}/jwks` }).end()
  await expect(asked('old')).rejects.toMatchObject({
    cause: { message: 'the key server redirects to another origin' },
  })
  expect(fetches).toBe(1)
})

test.each([200, 404, 503])(
  'a location in an answer %i, which is no redirect, is not followed',
  async (status) => {
    const published = await publishing({ old: old.publicKey })
    const asks: (string | undefined)[] = []
    answer = (request, response) => {
      asks.push(request.url)
      published(request, response.writeHead(status, { location: '/moved' }))
    }
    await verdict(one, bearerRequest(await token('old'))).catch(() => {})
    expect(asks).toEqual(['/jwks'])
  },
)

test('a redirect on the same server is followed', async () => {
  const published = await publishing({ old: old.publicKey })
  answer = (request, response) =>
    request.url === '/jwks'
      ? response.writeHead(301, { location: '/moved' }).end()
      : published(request, response)
  expect(await asked('old')).toMatchObject(alice)
})

test('a server that does not answer is given up after five seconds', async () => {
  const arrival = Promise.withResolvers<void>()
  answer = () => arrival.resolve()
  const pending = expect(asked('old')).rejects.toMatchObject({
    cause: { message: 'no answer within 5000 ms' },
  })
  await arrival.promise
  await clock.advance(5_000)
  await pending
})
