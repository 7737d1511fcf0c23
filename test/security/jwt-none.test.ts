import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, authRequestOf, verdict } from '../support/auth-request.ts'
import { seconds, secret } from '../support/tokens.ts'

const clock = testClock()
const user = () => ({ id: '7' })
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = publicKey.export({ format: 'jwk' })
const authenticators = [
  jwt({ secret, clock, user }),
  jwt({ key: publicKey, clock, user }),
  jwt({ jwks: { keys: [{ ...jwk, kid: 'a' }] }, clock, user }),
]
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const payload = encoded({ sub: '7', exp: seconds(clock) + 60 })

// proves: algorithm-confusion
test.each<unknown>(['none', 'None', 'NONE', 'nOnE', '', 'null', null, undefined, 0, false, [], ['none'], {}])(
  'a token whose algorithm is %j is refused, with and without a signature',
  async (alg) => {
    for (const one of authenticators)
      for (const signature of ['', 'AAAA', 'bm9uZQ'])
        for (const more of [{}, { kid: 'a' }, { typ: 'JWT' }])
          expect(
            await verdict(one, bearerRequest(`${encoded({ alg, ...more })}.${payload}.${signature}`)),
          ).toBe('401 invalid-token')
  },
)

test('an unsigned token in a pair of subprotocols is refused as well', async () => {
  const request = authRequestOf({
    headers: { 'sec-websocket-protocol': `token, ${encoded({ alg: 'none' })}.${payload}.` },
  })
  for (const one of authenticators) expect(await verdict(one, request)).toBe('401 invalid-token')
})
