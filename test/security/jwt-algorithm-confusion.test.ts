import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import type { Authenticator } from '../../src/core/api/handshake.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

// CVE-2015-9235, CVE-2022-29217, CVE-2024-33663, CVE-2024-37568: a public key, which everyone knows, taken for an HMAC secret.
const clock = testClock()
const claims = { sub: '7', exp: seconds(clock) + 60 }
const user = (): { id: string } => ({ id: '7' })
const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed: generateKeyPairSync('ed25519'),
}

/** The ways in which libraries have taken a public key for bytes. */
async function spellings(key: KeyObject): Promise<readonly Uint8Array[]> {
  const jwk = await exportJWK(key)
  const pem = key.export({ type: 'spki', format: 'pem' }).toString()
  const isRsa = key.asymmetricKeyType === 'rsa'
  const pkcs1 = isRsa ? key.export({ type: 'pkcs1', format: 'pem' }).toString() : pem
  const texts = [pem, pkcs1].flatMap((one) => [
    one,
    one.trim(),
    one.replaceAll('\n', '\r\n'),
    one.replaceAll('\n', ''),
    bodyOf(one),
  ])
  const members = [jwk.n, jwk.e, jwk.x, jwk.y].filter((one) => one !== undefined)
  const numbers = members.flatMap((one) => [
    Buffer.from(one),
    Buffer.from(one, 'base64url'),
    Buffer.from(one, 'base64url').reverse(),
  ])
  const ders = [
    key.export({ type: 'spki', format: 'der' }),
    ...(isRsa ? [key.export({ type: 'pkcs1', format: 'der' })] : []),
  ]
  const jwks = [
    JSON.stringify(jwk),
    JSON.stringify({ ...jwk, alg: 'HS256' }),
    JSON.stringify({ keys: [jwk] }),
  ]
  return [...[...texts, ...jwks].map((one) => Buffer.from(one)), ...ders, ...numbers, Buffer.alloc(0)]
}

function bodyOf(pem: string): string {
  return pem.replaceAll(/-----[^-]+-----|\s/g, '')
}

describe.each(Object.entries(pairs))('with a public key of kind %s', (_kind, { publicKey }) => {
  const configured = async (): Promise<readonly Authenticator<unknown>[]> => {
    const jwk = await exportJWK(publicKey)
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    return [
      jwt({ key: pem, clock, user }),
      jwt({ key: publicKey, clock, user }),
      jwt({ key: jwk, clock, user }),
      jwt({ jwks: { keys: [{ ...jwk, kid: 'a' }] }, clock, user }),
    ]
  }

  // proves: algorithm-confusion
  test('no spelling of it is an HMAC secret', async () => {
    const authenticators = await configured()
    for (const key of await spellings(publicKey))
      for (const alg of ['HS256', 'HS384', 'HS512'])
        for (const one of authenticators) {
          for (const kid of [{}, { kid: 'a' }])
            expect(await verdict(one, bearerRequest(handmade({ alg, ...kid }, claims, key)))).toBe(
              '401 invalid-token',
            )
        }
  })

  test('an HMAC under the name of its own algorithm is no signature', async () => {
    const alg = new Map([
      ['rsa', 'RS256'],
      ['ec', 'ES256'],
      ['ed25519', 'EdDSA'],
    ]).get(publicKey.asymmetricKeyType ?? '')
    const authenticators = await configured()
    for (const key of await spellings(publicKey))
      for (const one of authenticators)
        expect(await verdict(one, bearerRequest(handmade({ alg }, claims, key)))).toBe('401 invalid-token')
  })
})

test('a symmetric key in a key set verifies nothing', async () => {
  const keys = [
    { kty: 'oct', k: Buffer.from(secret).toString('base64url'), alg: 'HS256', kid: 'a' },
    { ...(await exportJWK(pairs.ec.publicKey)), kid: 'b' },
  ]
  const one = jwt({ jwks: { keys }, clock, user })
  for (const kid of ['a', 'b', undefined])
    expect(await verdict(one, bearerRequest(handmade({ alg: 'HS256', kid }, claims)))).toBe(
      '401 invalid-token',
    )
})

test('a token signed with a private key is nothing to a shared secret', async () => {
  const one = jwt({ secret, clock, user })
  for (const [alg, pair] of [
    ['RS256', pairs.rsa],
    ['PS256', pairs.rsa],
    ['ES256', pairs.ec],
    ['EdDSA', pairs.ed],
  ] as const) {
    const token = await new SignJWT(claims).setProtectedHeader({ alg }).sign(pair.privateKey)
    expect(await verdict(one, bearerRequest(token))).toBe('401 invalid-token')
  }
})

test('an all-zero ECDSA signature is refused (CVE-2022-21449)', async () => {
  const one = jwt({ key: pairs.ec.publicKey, clock, user })
  const [head, body] = handmade({ alg: 'ES256' }, claims).split('.')
  for (const length of [0, 1, 63, 64, 65])
    expect(
      await verdict(one, bearerRequest(`${head}.${body}.${Buffer.alloc(length).toString('base64url')}`)),
    ).toBe('401 invalid-token')
})

test('an HMAC that is cut short or made longer is refused', async () => {
  const one = jwt({ secret, clock, user })
  const signed = handmade({ alg: 'HS256' }, claims).split('.').slice(0, 2).join('.')
  const whole = createHmac('sha256', secret).update(signed).digest()
  for (const bytes of [
    whole.subarray(0, 31),
    whole.subarray(0, 16),
    whole.subarray(0, 0),
    Buffer.concat([whole, Buffer.alloc(1)]),
  ])
    expect(await verdict(one, bearerRequest(`${signed}.${bytes.toString('base64url')}`))).toBe(
      '401 invalid-token',
    )
})

test.each(Object.entries(pairs))(
  'a public PEM of kind %s is no shared secret, as text or as bytes',
  (_kind, pair) => {
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    for (const known of [pem, Buffer.from(pem), new Uint8Array(Buffer.from(pem))])
      for (const given of [known, [secret, known]])
        expect(() => jwt({ secret: given, clock, user })).toThrow('the secret is a PEM key')
  },
)
