import { describe, expect, test } from 'vitest'
import { basic } from '../../src/auth/basic.ts'
import type { AuthRequest } from '../../src/core/api/handshake.ts'
import { SallyportError } from '../../src/wire/errors.ts'
import { denialOf, authRequestOf, verdict } from '../support/auth-request.ts'

const check = (user: string, password: string): { id: string } | null =>
  user === 'ada' && password === 'pa:ss \u00e9' ? { id: '7' } : null
const devices = basic({ realm: 'devices', check })
const pair = (text: string): AuthRequest =>
  authRequestOf({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } })

describe('a user name and password', () => {
  test('become an identity; a password may hold colons and any letters', async () => {
    expect(await verdict(devices, pair('ada:pa:ss \u00e9'))).toEqual({ user: { id: '7' } })
  })

  test('that are wrong are refused with one text and a challenge', async () => {
    const denials = [
      await denialOf(() => devices(pair('ada:wrong'))),
      await denialOf(() => devices(pair('unknown:wrong'))),
      await denialOf(() => devices(pair('no colon'))),
    ]
    for (const { status, message, challenge } of denials) {
      expect([status, message]).toEqual([401, 'user name or password is wrong'])
      expect(challenge).toBe('Basic realm="devices", charset="UTF-8"')
    }
  })

  test.each([
    ['no user', ':password'],
    ['a long user', `${'a'.repeat(257)}:x`],
    ['a long password', `ada:${'x'.repeat(257)}`],
    ['a control character', 'ada:pass\nword'],
  ])('with %s are refused without being checked', async (_what, text) => {
    let checks = 0
    const counting = basic({ realm: 'devices', check: () => ({ id: String(checks++) }) })
    expect(await verdict(counting, pair(text))).toBe('401 bad-credentials')
    expect(checks).toBe(0)
  })

  test('of which a look-up finds nothing are refused, now or later', async () => {
    for (const found of [null, undefined, Promise.resolve(null), Promise.resolve(undefined)])
      expect(await verdict(basic({ realm: 'devices', check: () => found }), pair('ada:x'))).toBe(
        '401 bad-credentials',
      )
  })

  test('that are no base64 of UTF-8 are refused', async () => {
    for (const value of ['%%%', Buffer.from([0xff, 0x3a, 0xff]).toString('base64')])
      expect(await verdict(devices, authRequestOf({ headers: { authorization: `Basic ${value}` } }))).toBe(
        '401 bad-credentials',
      )
  })

  test('are not asked for by another credential', async () => {
    expect(await devices(authRequestOf({ headers: { authorization: 'Bearer abc' } }))).toBeNull()
    expect(await devices(authRequestOf({}))).toBeNull()
  })

  test('are checked so many at once and no more', async () => {
    const checks = [0, 1, 2].map(() => Promise.withResolvers<{ id: string }>())
    let begun = 0
    const slow = basic({ realm: 'devices', atOnce: 2, check: () => checks[begun++]?.promise })
    void slow(pair('ada:a'))
    const second = slow(pair('ada:b'))
    expect(await verdict(slow, pair('ada:c'))).toBe('503 busy')
    checks[1]?.resolve({ id: '7' })
    await second
    checks[2]?.resolve({ id: '8' })
    expect(await slow(pair('ada:d'))).toEqual({ user: { id: '8' } })
  })

  test('give their place back when a check fails', async () => {
    const failing = basic({
      realm: 'devices',
      atOnce: 1,
      check: () => Promise.reject(new Error('database away')),
    })
    await expect(failing(pair('ada:a'))).rejects.toThrow('database away')
    await expect(failing(pair('ada:a'))).rejects.toThrow('database away')
  })
})

test.each(['', 'a"b', 'a\nb', 'a\\b', '\u00e9'])(
  'a realm that does not fit into a header is refused at start: %j',
  (realm) => {
    expect(() => basic({ realm, check })).toThrow(SallyportError)
  },
)
