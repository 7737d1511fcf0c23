import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import { type TestClock, testClock } from '../../src/testing/clock.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { seconds } from '../support/tokens.ts'

// A client that sends tokens with invented key names must not be able to make us hammer the issuer.
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
let server: Server
let fetches: number
let isAway: boolean
let clock: TestClock
let one: Authenticator<unknown>

beforeEach(async () => {
  fetches = 0
  isAway = false
  const body = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'real' }] })
  server = createServer((_request, response) => {
    fetches++
    response.writeHead(isAway ? 503 : 200).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  clock = testClock()
  // a server that listens on TCP has an address with a port
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`)
  one = jwt({ jwks: url, clock, user: () => ({ id: '7' }) })
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const token = (kid: string): Promise<string> =>
  new SignJWT({ sub: '7' })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setExpirationTime(seconds(clock) + 3600)
    .sign(privateKey)
const ask = async (kid: string): Promise<unknown> => {
  try {
    return await verdict(one, bearerRequest(await token(kid)))
  } catch {
    return 'no verdict'
  }
}

// proves: unknown-keys
test('five hundred unknown keys, at once and in turn, cause one fetch in 30 seconds', async () => {
  expect(await ask('real')).toMatchObject({ user: { id: '7' } })
  const flood = await Promise.all(Array.from({ length: 500 }, (_, index) => ask(`invented ${index}`)))
  for (const each of flood) expect(['401 invalid-token', '503 unavailable']).toContain(each)
  for (let index = 0; index < 20; index++) expect(await ask(`invented too ${index}`)).toBe('503 unavailable')
  expect(await ask('real')).toMatchObject({ user: { id: '7' } })
  expect(fetches).toBe(2)
})

test('a flood that lasts ten minutes causes two fetches in 30 seconds', async () => {
  await ask('real')
  for (let second = 0; second < 600; second += 5) {
    await clock.advance(5_000)
    await Promise.all([ask('invented'), ask('invented too'), ask('invented as well')])
  }
  expect(fetches).toBeLessThanOrEqual(1 + (2 * 600) / 30)
  expect(await ask('real')).toMatchObject({ user: { id: '7' } })
})

test('a flood while the issuer is away causes one fetch in 30 seconds, and good tokens go on', async () => {
  await ask('real')
  isAway = true
  for (let second = 0; second < 300; second += 5) {
    await clock.advance(5_000)
    expect(await ask('invented')).toBe('no verdict')
    expect(await ask('real')).toMatchObject({ user: { id: '7' } })
  }
  expect(fetches).toBeLessThanOrEqual(2 + 300 / 30)
})

test('a flood before the first answer causes one fetch at a time and one a second', async () => {
  isAway = true
  const flood = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(`invented ${index}`)))
  expect(new Set(flood)).toEqual(new Set(['no verdict']))
  for (let index = 0; index < 20; index++) await ask('real')
  expect(fetches).toBe(1)
  await clock.advance(1_000)
  await ask('real')
  expect(fetches).toBe(2)
})
