import { expect, test } from 'vitest'
import { checkedClaims, scopesOf } from '../../src/auth/claims.ts'
import { InvalidToken } from '../../src/auth/invalid-token.ts'

const rules = { issuers: ['https://a.example'], audiences: null, toleranceMs: 0 }
const bytes = (claims: object): Uint8Array => new TextEncoder().encode(JSON.stringify(claims))

test.each([{}, { iss: 'https://b.example' }, { iss: 7 }, { iss: ['https://a.example'] }])(
  'verified claims of another issuer are refused, whatever asked for them: %j',
  (claims) => {
    expect(() => checkedClaims(bytes({ exp: 2, ...claims }), rules, 1_000)).toThrow(InvalidToken)
    expect(checkedClaims(bytes({ exp: 2, iss: 'https://a.example' }), rules, 1_000).exp).toBe(2)
  },
)

test('claims without an issuer are refused, also when the environment lacks the wanted one', () => {
  // the value of an environment variable that is not set
  const unset = process.env['SALLYPORT_NO_SUCH_ISSUER'] as string
  expect(() => checkedClaims(bytes({ exp: 2 }), { ...rules, issuers: [unset] }, 1_000)).toThrow(
    'another issuer',
  )
})

test('claims that are no UTF-8 are refused', () => {
  const payload = Uint8Array.of(
    ...bytes({ exp: 2, iss: 'https://a.example', x: '' }).slice(0, -2),
    0xff,
    0x22,
    0x7d,
  )
  expect(() => checkedClaims(payload, rules, 1_000)).toThrow('no JSON object')
})

test('scopes are texts without gaps, or none are stated', () => {
  expect(scopesOf({ exp: 1, scope: ' a  b ' })).toEqual(['a', 'b'])
  expect(scopesOf({ exp: 1, scope: ['a', 7, null] })).toEqual(['a'])
  expect(scopesOf({ exp: 1, scope: '' })).toEqual([])
  expect(scopesOf({ exp: 1, scope: { a: true } })).toBeNull()
  expect(scopesOf({ exp: 1 })).toBeNull()
})
