import { expect, test } from 'vitest'
import { checkedClaims, scopesOf } from '../../src/auth/claims.ts'
import { InvalidToken } from '../../src/auth/invalid-token.ts'
import { compactToken } from '../../src/auth/compact-token.ts'

const rules = { issuers: ['https://a.example'], audiences: null, toleranceMs: 0 }
const payloadOf = (bytes: Uint8Array): Readonly<Record<string, unknown>> | null =>
  compactToken(`e30.${Buffer.from(bytes).toString('base64url')}.`)?.claims ?? null
const bytes = (claims: object): Uint8Array => new TextEncoder().encode(JSON.stringify(claims))

test.each([{}, { iss: 'https://b.example' }, { iss: 7 }, { iss: ['https://a.example'] }])(
  'verified claims of another issuer are refused, whatever asked for them: %j',
  (claims) => {
    expect(checkedClaims({ exp: 2, ...claims }, rules, 1_000)).toBeInstanceOf(InvalidToken)
    const own = { exp: 2, iss: 'https://a.example' }
    expect(checkedClaims(own, rules, 1_000)).toEqual(own)
  },
)

test('claims without an issuer are refused, also when the environment lacks the wanted one', () => {
  // the value of an environment variable that is not set
  const unset = process.env['SALLYPORT_NO_SUCH_ISSUER'] as string
  expect(checkedClaims({ exp: 2 }, { ...rules, issuers: [unset] }, 1_000)).toEqual(
    new InvalidToken('the token is from another issuer'),
  )
})

test('claims that are no UTF-8 are refused', () => {
  const payload = Uint8Array.of(
    ...bytes({ exp: 2, iss: 'https://a.example', x: '' }).slice(0, -2),
    0xff,
    0x22,
    0x7d,
  )
  expect(payloadOf(bytes({ exp: 2 }))).toEqual({ exp: 2 })
  expect(payloadOf(payload)).toBeNull()
  expect(checkedClaims(payloadOf(payload), rules, 1_000)).toEqual(
    new InvalidToken('the payload is no JSON object'),
  )
})

test('scopes are texts without gaps, or none are stated', () => {
  expect(scopesOf({ exp: 1, scope: ' a  b ' })).toEqual(['a', 'b'])
  expect(scopesOf({ exp: 1, scope: ['a', 7, null] })).toEqual(['a'])
  expect(scopesOf({ exp: 1, scope: '' })).toEqual([])
  expect(scopesOf({ exp: 1, scope: { a: true } })).toBeNull()
  expect(scopesOf({ exp: 1 })).toBeNull()
})
