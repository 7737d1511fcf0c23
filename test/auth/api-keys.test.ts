import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type ApiKeyOptions, apiKeys } from '../../src/auth/api-keys.ts'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import type { Identity } from '../../src/core/api/identity.ts'
import { authenticate } from '../../src/core/access/authenticate.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, denialOf, authRequestOf, verdict } from '../support/auth-request.ts'

interface Robot {
  readonly id: string
}

const clock = testClock()
const key = 'sk_live_q8Yk2mJ4t6'
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const robot: Identity<Robot> = { user: { id: '7' }, subject: 'robot:7' }
const keys = new Map<string, Identity<Robot>>([[hashOf(key), robot]])
const find = (hash: string): Identity<Robot> | undefined => keys.get(hash)
const make = (options: Partial<ApiKeyOptions<Robot>> = {}): Authenticator<Robot> =>
  apiKeys({ find, clock, ...options })
const inHeader = (value: string) => authRequestOf({ headers: { 'x-api-key': value } })

describe('an API key', () => {
  test('is found by its hash and named by a part of that', async () => {
    expect(await verdict(make(), inHeader(key))).toMatchObject({ ...robot, token: hashOf(key).slice(0, 32) })
  })

  test('keeps the name that its owner gave it', async () => {
    const named = make({ find: () => ({ ...robot, token: 'key-1' }) })
    expect(await verdict(named, inHeader(key))).toMatchObject({ token: 'key-1' })
  })

  test.each(['unknown', 'x'.repeat(513)])('that is not known or too long is refused: %.10s', async (bad) => {
    const denial = await denialOf(() => make()(inHeader(bad)))
    expect([denial.status, denial.reason, denial.message]).toEqual([
      401,
      'invalid-key',
      'the API key is not valid',
    ])
  })

  test.each([null, undefined])('that the site answers %s for is refused', async (none) => {
    expect(await verdict(make({ find: () => none }), inHeader(key))).toBe('401 invalid-key')
  })

  test('that is too long is not looked up', async () => {
    const any = make({ find: () => robot })
    expect(await verdict(any, inHeader('x'.repeat(513)))).toBe('401 invalid-key')
    expect(await verdict(any, inHeader('x'.repeat(512)))).toMatchObject(robot)
  })

  test('that ends later is good until then', async () => {
    const expires = new Date(clock.now() + 1)
    expect(await verdict(make({ find: () => ({ ...robot, expires }) }), inHeader(key))).toMatchObject({
      expires,
    })
  })

  test('that has ended is refused', async () => {
    for (const expires of [new Date(clock.now()), new Date(Number.NaN)])
      expect(await verdict(make({ find: () => ({ ...robot, expires }) }), inHeader(key))).toBe(
        '401 invalid-key',
      )
  })

  test('comes as a bearer token only where keys have a prefix', async () => {
    expect(await make()(bearerRequest(key))).toBeNull()
    expect(await verdict(make({ prefix: 'sk_' }), bearerRequest(key))).toMatchObject(robot)
    expect(await verdict(make({ prefix: 'sk_' }), inHeader(key))).toMatchObject(robot)
  })

  test('with another prefix is not for this authenticator, and no other claims it', async () => {
    const other = make({ prefix: 'pk_' })
    expect(await other(bearerRequest(key))).toBeNull()
    expect(await other(inHeader(key))).toBeNull()
    expect((await denialOf(() => authenticate(other, inHeader(key)))).reason).toBe('unknown-credential')
  })

  test('is asked for again at renewal, by its hash', async () => {
    const identity = await make()(inHeader(key))
    expect(await identity?.renew?.()).toMatchObject(robot)
    keys.delete(hashOf(key))
    expect(await identity?.renew?.()).toBeNull()
  })

  test('is described with both places where it may ride', () => {
    expect(make({ prefix: 'sk_' }).schemes).toMatchObject([
      { type: 'httpApiKey', in: 'header', name: 'X-API-Key' },
      { type: 'http', scheme: 'bearer' },
    ])
  })

  test('is described in its header alone where it has no prefix', () => {
    expect(make().schemes).toMatchObject([{ type: 'httpApiKey', in: 'header', name: 'X-API-Key' }])
  })
})
