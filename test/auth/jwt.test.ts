import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { issuerScoped, jwt } from '../../src/auth/jwt.ts'
import { anyOf, authenticate } from '../../src/core/access/authenticate.ts'
import { endOf, type Identity, issuedOf } from '../../src/core/api/identity.ts'
import { testClock } from '../../src/testing/clock.ts'
import { SallyportError } from '../../src/wire/errors.ts'
import { bearerRequest, denialOf, authRequestOf, verdict } from '../support/auth-request.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

const clock = testClock()
const now = seconds(clock)
const user = ({ sub }: { sub: string }) => (sub === 'gone' ? null : { id: sub })
const member = jwt({ secret, clock, user })

describe('a token signed with a shared secret', () => {
  test('becomes an identity with user, token, session, scopes, start and end', async () => {
    const claims = { sub: '7', jti: 't1', sid: 's1', scope: 'read write', iat: now - 10, exp: now + 60 }
    const identity = await member(bearerRequest(handmade({ alg: 'HS256' }, claims)))
    expect(identity).toMatchObject({
      user: { id: '7' },
      token: 't1',
      session: 's1',
      scopes: ['read', 'write'],
      issuedAt: new Date((now - 10) * 1000),
      expires: new Date((now + 60) * 1000),
    })
    expect(identity).not.toHaveProperty('subject')
  })

  test('becomes an identity of which a copy keeps the start, the end and the renewal', async () => {
    const claims = { sub: '7', sid: 's1', iat: now - 10, exp: now + 60 }
    const identity = await member(bearerRequest(handmade({ alg: 'HS256' }, claims)))
    const copy = { ...identity, user: { id: '7', name: 'Ada' } }
    const [issuedAt, expires] = [new Date((now - 10) * 1000), new Date((now + 60) * 1000)]
    expect(copy).toMatchObject({ session: 's1', issuedAt, expires })
    expect(await (copy as Identity<unknown>).renew?.()).toMatchObject({
      user: { id: '7' },
      session: 's1',
      issuedAt,
      expires,
    })
  })

  test('becomes an identity that an application may give an earlier end, which a renewal keeps', async () => {
    const identity = await member(bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 })))
    const expires = new Date((now + 5) * 1000 + 123)
    expect(Object.assign(identity ?? {}, { expires })).toMatchObject({ user: { id: '7' }, expires })
    expect({ ...identity }).toMatchObject({ expires })
    const renewed = await identity?.renew?.()
    expect(renewed).toMatchObject({ user: { id: '7' }, expires })
    expect(await renewed?.renew?.()).toMatchObject({ expires })
  })

  test('becomes an identity whose dates an application may change in place', async () => {
    const claims = { sub: '7', iat: now - 10, exp: now + 60 }
    const identity = await member(bearerRequest(handmade({ alg: 'HS256' }, claims)))
    if (identity === null) throw new TypeError('there is no identity')
    expect([endOf(identity), issuedOf(identity)]).toEqual([(now + 60) * 1000, (now - 10) * 1000])
    identity.expires?.setTime((now + 5) * 1000)
    identity.issuedAt?.setTime((now - 5) * 1000)
    expect([endOf(identity), issuedOf(identity)]).toEqual([(now + 5) * 1000, (now - 5) * 1000])
    expect(await identity.renew?.()).toMatchObject({ expires: new Date((now + 5) * 1000) })
    Object.assign(identity, { expires: undefined })
    const renewed = await identity.renew?.()
    expect([endOf(identity), renewed?.user, renewed?.expires]).toEqual([null, { id: '7' }, undefined])
  })

  test.each([null, 1_900_000_000, '2030-01-01', {}])(
    'becomes an identity that refuses %s in the place of a date',
    async (expires) => {
      const identity = await member(bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 })))
      expect(() => Object.assign(identity ?? {}, { expires })).toThrow('valid Date objects')
      expect(() => Object.assign(identity ?? {}, { issuedAt: expires })).toThrow('valid Date objects')
    },
  )

  test('is named by a hash where it has no jti, and never by itself', async () => {
    const token = handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 })
    const identity = await member(bearerRequest(token))
    expect(identity).toMatchObject({ token: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) })
    expect(token).not.toContain((identity as { token: string }).token)
  })

  test('may list its scopes under scope, scp or scopes', async () => {
    for (const stated of [{ scope: ['a', 'b'] }, { scp: 'a b' }, { scopes: ['a', 'b'] }]) {
      const identity = await member(
        bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60, ...stated })),
      )
      expect(identity).toMatchObject({ scopes: ['a', 'b'] })
    }
  })

  test.each(['HS256', 'HS384', 'HS512'])('is verified under %s where that is allowed', async (alg) => {
    const all = jwt({ secret, clock, user, algorithms: ['HS256', 'HS384', 'HS512'] })
    const token = handmade({ alg }, { sub: '7', exp: now + 60 })
    expect(await verdict(all, bearerRequest(token))).toMatchObject({ user: { id: '7' } })
  })

  test('is refused under an algorithm that was not asked for', async () => {
    const token = handmade({ alg: 'HS512' }, { sub: '7', exp: now + 60 })
    expect(await verdict(member, bearerRequest(token))).toBe('401 invalid-token')
  })

  test('is verified with any of several secrets while one is being replaced', async () => {
    const both = jwt({ secret: [`new ${secret}`, secret], clock, user })
    const token = handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 })
    expect(await verdict(both, bearerRequest(token))).toMatchObject({ user: { id: '7' } })
  })

  test('is accepted when jose has signed it', async () => {
    const token = await new SignJWT({ sub: '7' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setExpirationTime(now + 60)
      .sign(new TextEncoder().encode(secret))
    expect(await verdict(member, bearerRequest(token))).toMatchObject({ user: { id: '7' } })
  })

  test('is read from the subprotocol list too', async () => {
    const token = handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 })
    const request = authRequestOf({ headers: { 'sec-websocket-protocol': `token, ${token}` } })
    expect(await verdict(member, request)).toMatchObject({ user: { id: '7' } })
  })
})

describe('a refusal', () => {
  test('has one text for every reason, a challenge, and the reason for operators alone', async () => {
    const expired = await denialOf(() =>
      member(bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', exp: now - 60 }))),
    )
    const forged = await denialOf(() =>
      member(bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 }, `not ${secret}`))),
    )
    expect(expired.message).toBe(forged.message)
    expect(expired.challenge).toBe('Bearer error="invalid_token"')
    expect([expired.detail, forged.detail]).toEqual(['the token has expired', 'the signature is wrong'])
  })

  test('is sent when no user has the token any more', async () => {
    const denial = await denialOf(() =>
      member(bearerRequest(handmade({ alg: 'HS256' }, { sub: 'gone', exp: now + 60 }))),
    )
    expect([denial.status, denial.detail]).toEqual([401, 'the user of this token is gone'])
  })

  test('holds no part of the token', async () => {
    const token = handmade({ alg: 'HS256' }, { sub: 'marked-subject', exp: now - 60 })
    const denial = await denialOf(() => member(bearerRequest(token)))
    const said = JSON.stringify([denial.message, denial.detail, denial.challenge, String(denial.cause)])
    for (const part of ['marked-subject', ...token.split('.')]) expect(said).not.toContain(part)
  })

  test('is no verdict when the database is away: that error passes through', async () => {
    const failing = jwt({ secret, clock, user: () => Promise.reject(new Error('database away')) })
    const token = handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 })
    await expect(failing(bearerRequest(token))).rejects.toThrow('database away')
    const denial = await denialOf(() => authenticate(failing, bearerRequest(token)))
    expect(denial.status).toBe(503)
  })
})

describe('claiming', () => {
  const ours = jwt({ issuer: 'https://a.example', secret, clock, user })
  const theirs = jwt({
    issuer: 'https://b.example',
    secret: `${secret} b`,
    clock,
    user: ({ sub }) => ({ id: `b:${sub}` }),
  })

  test('answers null to no credential, another scheme and what is not written like a token', async () => {
    expect(await member(authRequestOf({}))).toBeNull()
    expect(await member(authRequestOf({ headers: { authorization: 'Basic YTpi' } }))).toBeNull()
    for (const opaque of ['abc', 'a.b', 'a.b.c.d', 'a.b.c.d.e', '.b.c', 'a.b+.c'])
      expect(await member(bearerRequest(opaque))).toBeNull()
  })

  test('leaves the tokens of another issuer, and those of none, to the next authenticator', async () => {
    const both = anyOf(ours, theirs)
    const token = handmade(
      { alg: 'HS256' },
      { sub: '7', iss: 'https://b.example', exp: now + 60 },
      `${secret} b`,
    )
    expect(await ours(bearerRequest(token))).toBeNull()
    expect(await both(bearerRequest(token))).toMatchObject({ user: { id: 'b:7' } })
    expect(await ours(bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', exp: now + 60 })))).toBeNull()
  })

  test('by an issuer or an audience that the environment lacks stops the start', () => {
    // the value of an environment variable that is not set
    const unset = process.env['SALLYPORT_NO_SUCH_ISSUER'] as string
    for (const issuer of [unset, '', [unset], []]) {
      expect(() => jwt({ issuer, secret, clock, user })).toThrow("the option 'issuer' is an issuer")
      expect(() => jwt({ audience: issuer, secret, clock, user })).toThrow("the option 'audience'")
    }
  })

  test('leaves a token that is too long to be read to the next authenticator', async () => {
    const long = { sub: '7', iss: 'https://a.example', exp: now + 60, more: 'x'.repeat(16_384) }
    expect(await ours(bearerRequest(handmade({ alg: 'HS256' }, long)))).toBeNull()
  })

  test('means that a bad token of the own issuer ends the search', async () => {
    const forged = handmade(
      { alg: 'HS256' },
      { sub: '7', iss: 'https://a.example', exp: now + 60 },
      `${secret} b`,
    )
    const guests = jwt({ secret: `${secret} b`, clock, user: () => ({ id: 'guest' }) })
    expect(await verdict(anyOf(ours, guests), bearerRequest(forged))).toBe('401 invalid-token')
  })
})

describe('the claims', () => {
  test('may have a shape of their own, which is checked and typed', async () => {
    const django = jwt({
      secret,
      clock,
      claims: z.object({ user_id: z.number() }),
      user: ({ user_id: id }) => ({ id: id.toFixed() }),
      subject: ({ user_id: id }) => `user:${id}`,
    })
    const good = handmade({ alg: 'HS256' }, { user_id: 7, exp: now + 60 })
    const bad = handmade({ alg: 'HS256' }, { user_id: '7', exp: now + 60 })
    expect(await verdict(django, bearerRequest(good))).toMatchObject({ user: { id: '7' }, subject: 'user:7' })
    expect(await verdict(django, bearerRequest(bad))).toBe('401 invalid-token')
  })

  test('may have a numeric sub where a schema admits it, and where none does it is refused', async () => {
    const numbered = jwt({
      secret,
      clock,
      claims: z.object({ sub: z.number() }),
      user: ({ sub }) => ({ id: sub }),
    })
    const asked = (sub: unknown) => bearerRequest(handmade({ alg: 'HS256' }, { sub, exp: now + 60 }))
    expect(await verdict(numbered, asked(7))).toMatchObject({ user: { id: 7 } })
    for (const sub of ['7', null, [7], 1e16])
      expect(await verdict(numbered, asked(sub))).toBe('401 invalid-token')
    expect(await verdict(member, asked(7))).toBe('401 invalid-token')
  })

  test('may have a numeric sub that is exact, not one that was rounded to that of another user', async () => {
    const any = jwt({
      secret,
      clock,
      claims: z.object({ sub: z.unknown() }),
      user: ({ sub }) => ({ id: sub }),
    })
    const payload = (sub: string): string => `{"sub":${sub},"exp":${now + 60}}`
    expect(
      await verdict(any, bearerRequest(handmade({ alg: 'HS256' }, payload('9007199254740991')))),
    ).toMatchObject({
      user: { id: 9007199254740991 },
    })
    for (const sub of ['9007199254740993', '1.5', '1e400'])
      expect(await verdict(any, bearerRequest(handmade({ alg: 'HS256' }, payload(sub))))).toBe(
        '401 invalid-token',
      )
  })

  test('name session and token within a configured issuer, and unchanged without one', async () => {
    const issuer = 'https://id.example'
    const claims = { sub: '7', iss: issuer, sid: 's', jti: 't', exp: now + 60 }
    const request = bearerRequest(handmade({ alg: 'HS256' }, claims))
    expect(await verdict(jwt({ issuer, secret, clock, user }), request)).toMatchObject({
      session: issuerScoped(issuer, 's'),
      token: issuerScoped(issuer, 't'),
    })
    expect(await verdict(jwt({ secret, clock, user }), request)).toMatchObject({ session: 's', token: 't' })
  })

  test.each<[string | null | undefined]>([['own-1'], [null], [undefined]])(
    'may name a session of a store of the application: %s',
    async (name) => {
      const issuer = 'https://id.example'
      const own = jwt({ issuer, secret, clock, user, session: () => name })
      const claims = { sub: '7', iss: issuer, sid: 's', exp: now + 60 }
      const identity = await own(bearerRequest(handmade({ alg: 'HS256' }, claims)))
      expect(identity?.session).toBe(name ?? undefined)
      expect((await identity?.renew?.())?.session).toBe(name ?? undefined)
    },
  )

  test('are asked for again by renew, without the token', async () => {
    let isThere = true
    const leaving = jwt({ secret, clock, user: ({ sub }) => (isThere ? { id: sub } : undefined) })
    const identity = await leaving(
      bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', jti: 't1', exp: now + 60 })),
    )
    expect(await identity?.renew?.()).toMatchObject({ user: { id: '7' }, token: 't1' })
    isThere = false
    expect(await identity?.renew?.()).toBeNull()
  })

  test('let a token that is let in within the tolerance live to the end of it', async () => {
    const identity = await member(bearerRequest(handmade({ alg: 'HS256' }, { sub: '7', exp: now - 2 })))
    expect(identity?.expires).toEqual(new Date((now + 3) * 1000))
  })
})

interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const pairs: Readonly<Record<string, Pair>> = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: generateKeyPairSync('ed25519'),
}

const pairOf = (alg: string): Pair => pairs[alg] as Pair
const signed = (alg: string, by = alg): Promise<string> =>
  new SignJWT({ sub: '7' })
    .setProtectedHeader({ alg })
    .setExpirationTime(now + 60)
    .sign(pairOf(by).privateKey)

describe('a public key', () => {
  test.each(Object.keys(pairs))('verifies %s as PEM, as JWK and as key object', async (alg) => {
    const { publicKey } = pairOf(alg)
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const token = await signed(alg)
    for (const key of [pem, publicKey, { ...(await exportJWK(publicKey)), alg }]) {
      const one = jwt({ key, clock, user, algorithms: [alg] })
      expect(await verdict(one, bearerRequest(token))).toMatchObject({ user: { id: '7' } })
    }
  })

  test('as a WebCrypto key brings its one algorithm along', async () => {
    const { publicKey } = pairOf('PS256')
    const key = publicKey.toCryptoKey({ name: 'RSA-PSS', hash: 'SHA-256' }, true, ['verify'])
    const one = jwt({ key, clock, user })
    expect(await verdict(one, bearerRequest(await signed('PS256')))).toMatchObject({ user: { id: '7' } })
    expect(await verdict(one, bearerRequest(await signed('RS256', 'PS256')))).toBe('401 invalid-token')
  })

  test('as a WebCrypto key for RS512 takes that alone', async () => {
    const { publicKey } = pairOf('RS256')
    const key = publicKey.toCryptoKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' }, true, ['verify'])
    const one = jwt({ key, clock, user })
    expect(await verdict(one, bearerRequest(await signed('RS512', 'RS256')))).toMatchObject({
      user: { id: '7' },
    })
    for (const alg of ['RS256', 'PS512'])
      expect(await verdict(one, bearerRequest(await signed(alg, 'RS256')))).toBe('401 invalid-token')
  })

  test('as a WebCrypto key of a curve has its algorithm from that', async () => {
    const { publicKey } = pairOf('ES256')
    const key = publicKey.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify'])
    const one = jwt({ key, clock, user })
    expect(await verdict(one, bearerRequest(await signed('ES256')))).toMatchObject({ user: { id: '7' } })
  })

  test('of RSA takes RS256 alone unless it is told otherwise', async () => {
    const one = jwt({ key: pairOf('RS256').publicKey, clock, user })
    expect(await verdict(one, bearerRequest(await signed('RS256')))).toMatchObject({ user: { id: '7' } })
    for (const alg of ['RS384', 'RS512', 'PS256'])
      expect(await verdict(one, bearerRequest(await signed(alg, 'RS256')))).toBe('401 invalid-token')
  })

  test('decides by its alg, whatever else is allowed', async () => {
    const key = { ...(await exportJWK(pairOf('RS256').publicKey)), alg: 'RS256' }
    const one = jwt({ key, clock, user, algorithms: ['RS256', 'PS256'] })
    expect(await verdict(one, bearerRequest(await signed('PS256', 'RS256')))).toBe('401 invalid-token')
  })

  test('of someone else verifies nothing', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const one = jwt({ key: other.publicKey, clock, user })
    expect(await verdict(one, bearerRequest(await signed('ES256')))).toBe('401 invalid-token')
  })

  test('without a name of its own serves a token that names any key', async () => {
    const one = jwt({ key: pairOf('ES256').publicKey, clock, user })
    const token = await new SignJWT({ sub: '7' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setExpirationTime(now + 60)
      .sign(pairOf('ES256').privateKey)
    expect(await verdict(one, bearerRequest(token))).toMatchObject({ user: { id: '7' } })
  })

  test('names the token by what is signed, so that a rewritten ECDSA signature does not rename it', async () => {
    const one = jwt({ key: pairOf('ES256').publicKey, clock, user })
    const token = await signed('ES256')
    const identity = await one(bearerRequest(token))
    const rewritten = await one(bearerRequest(mirrored(token)))
    expect(mirrored(token)).not.toBe(token)
    expect(rewritten?.token).toBe(identity?.token)
  })
})

/** The other signature that every ECDSA signature has: s becomes n - s. */
function mirrored(token: string): string {
  const [head, body, tail = ''] = token.split('.')
  const signature = Buffer.from(tail, 'base64url')
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = order - BigInt(`0x${signature.subarray(32).toString('hex')}`)
  const other = Buffer.concat([
    signature.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
  ])
  return `${head}.${body}.${other.toString('base64url')}`
}

const jwk = async (alg: string, more: object) => ({ ...(await exportJWK(pairOf(alg).publicKey)), ...more })
const signedAs = (alg: string, kid?: string): Promise<string> =>
  new SignJWT({ sub: '7' })
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .setExpirationTime(now + 60)
    .sign(pairOf(alg).privateKey)

describe('a fixed key set', () => {
  test('chooses by name and algorithm, and by algorithm where the token names no key', async () => {
    const keys = [await jwk('ES256', { kid: 'a' }), await jwk('EdDSA', { kid: 'b' })]
    const one = jwt({ jwks: { keys }, clock, user })
    expect(await verdict(one, bearerRequest(await signedAs('ES256', 'a')))).toMatchObject({
      user: { id: '7' },
    })
    expect(await verdict(one, bearerRequest(await signedAs('EdDSA')))).toMatchObject({ user: { id: '7' } })
    expect(await verdict(one, bearerRequest(await signedAs('ES256', 'b')))).toBe('401 invalid-token')
    expect(await verdict(one, bearerRequest(await signedAs('ES256', 'c')))).toBe('401 invalid-token')
  })

  test('tries each key that would do when a token names none', async () => {
    const other = await exportJWK(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)
    const one = jwt({
      jwks: { keys: [{ ...other, kid: 'a' }, await jwk('ES256', { kid: 'b' })] },
      clock,
      user,
    })
    expect(await verdict(one, bearerRequest(await signedAs('ES256')))).toMatchObject({ user: { id: '7' } })
  })

  test('is not tried through when a token names none and more than eight would do', async () => {
    const keys = Array.from({ length: 8 }, () =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
    )
    const ninth = { ...(await jwk('ES256', {})), kid: 'ninth' }
    const one = jwt({ jwks: { keys: [...keys, ninth] }, clock, user })
    expect(await verdict(one, bearerRequest(await signedAs('ES256')))).toBe('401 invalid-token')
    expect(await verdict(one, bearerRequest(await signedAs('ES256', 'ninth')))).toMatchObject({
      user: { id: '7' },
    })
  })

  test('takes keys that say that they are for signatures', async () => {
    const keys = [await jwk('ES256', { use: 'sig' }), await jwk('EdDSA', { key_ops: ['encrypt', 'verify'] })]
    const one = jwt({ jwks: { keys }, clock, user })
    for (const alg of ['ES256', 'EdDSA'])
      expect(await verdict(one, bearerRequest(await signedAs(alg)))).toMatchObject({ user: { id: '7' } })
  })

  test('of one key with a name verifies no token that names another', async () => {
    const one = jwt({ jwks: { keys: [await jwk('ES256', { kid: 'a' })] }, clock, user })
    expect(await verdict(one, bearerRequest(await signedAs('ES256', 'b')))).toBe('401 invalid-token')
  })

  test.each([7, null, ['a'], {}])('takes a name or algorithm that is no text for none: %j', async (odd) => {
    const one = jwt({ jwks: { keys: [await jwk('ES256', { kid: odd, alg: odd })] }, clock, user })
    expect(await verdict(one, bearerRequest(await signedAs('ES256', 'a')))).toMatchObject({
      user: { id: '7' },
    })
  })

  test.each([null, 'keys', [], {}, { keys: {} }])('is none without a list of keys: %j', (jwks) => {
    // what a program without types could write
    expect(() => jwt({ jwks: jwks as { keys: object[] }, user })).toThrow(
      "is an object with a list of 'keys'",
    )
  })

  test('leaves out keys that are private, symmetric, for encryption, weak or unknown', async () => {
    const weak = await exportJWK(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)
    const keys = [
      await exportJWK(pairOf('ES256').privateKey),
      { kty: 'oct', k: 'c2VjcmV0' },
      await jwk('ES256', { use: 'enc' }),
      await jwk('ES256', { key_ops: ['sign'] }),
      await jwk('ES256', { key_ops: 'verify' }),
      { kty: 'future' },
      weak,
    ]
    expect(() => jwt({ jwks: { keys }, clock, user })).toThrow(SallyportError)
    const one = jwt({ jwks: { keys: [...keys, await jwk('EdDSA', {})] }, clock, user })
    expect(await verdict(one, bearerRequest(await signedAs('ES256')))).toBe('401 invalid-token')
  })
})

// proves: token-claims
describe('a configuration is refused at start', () => {
  const { publicKey, privateKey } = pairOf('RS256')
  const refusals: readonly [string, () => unknown, RegExp][] = [
    [
      'when a secret is shorter than the hash',
      () => jwt({ secret: 'secret', user }),
      /has 6 bytes.*needs 32.*openssl rand/,
    ],
    [
      'when a secret is shorter than the longest hash',
      () => jwt({ secret: secret.slice(0, 63), algorithms: ['HS256', 'HS512'], user }),
      /needs 64/,
    ],
    [
      'when a secret is a PEM key',
      () => jwt({ secret: publicKey.export({ type: 'spki', format: 'pem' }).toString(), user }),
      /'key'/,
    ],
    ['when a secret is a public key', () => jwt({ secret: publicKey, user }), /no shared secret/],
    ['when a secret goes with RS256', () => jwt({ secret, algorithms: ['RS256'], user }), /HS256/],
    ['when there is no algorithm', () => jwt({ secret, algorithms: [], user }), /algorithm/],
    ['when there is no secret in the list', () => jwt({ secret: [], user }), /secret/],
    ['when there is neither secret nor key', () => jwt({ user }), /exactly one/],
    ['when there are secret and key', () => jwt({ secret, key: publicKey, user }), /exactly one/],
    ['when the key is private', () => jwt({ key: privateKey, user }), /public key/],
    [
      'when the key is private and PEM',
      () => jwt({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), user }),
      /public key/,
    ],
    [
      'when the key is a private JWK',
      () => jwt({ key: privateKey.export({ format: 'jwk' }), user }),
      /public key/,
    ],
    [
      'when the key is a symmetric JWK',
      () => jwt({ key: { kty: 'oct', k: 'AAAA' }, user }),
      /must be a public key/,
    ],
    ['when the key is no key', () => jwt({ key: 'nonsense', user }), /PEM/],
    [
      'when the key is weak',
      () => jwt({ key: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, user }),
      /2048/,
    ],
    [
      'when key and algorithm do not fit',
      () => jwt({ key: publicKey, algorithms: ['ES256'], user }),
      /ES256/,
    ],
    [
      'when a shared secret algorithm goes with a public key',
      () => jwt({ key: publicKey, algorithms: ['HS256'], user }),
      /HS256/,
    ],
    ['when none may be signed', () => jwt({ key: publicKey, algorithms: ['none'], user }), /none/],
    [
      'when the key set is behind plain http',
      () => jwt({ jwks: new URL('http://keys.example/jwks'), user }),
      /https/,
    ],
    [
      'when the key set is behind a password',
      () => jwt({ jwks: new URL('https://a:b@keys.example/jwks'), user }),
      /password/,
    ],
  ]

  test.each(refusals)('%s', (_when, make, said) => {
    expect(make).toThrow(said)
    expect(make).toThrow(SallyportError)
  })

  test('without showing the secret', () => {
    expect(() => jwt({ secret: 'marked-secret', user })).not.toThrow(/marked-secret/)
    expect(() => jwt({ jwks: new URL('https://a:marked-secret@keys.example'), user })).not.toThrow(
      /marked-secret/,
    )
  })
})

test.each([
  ['issuer', [5, 'id']],
  ['issuer', [null, 'id']],
  ['id', ['https://id.example', 5]],
])('issuerScoped() names what is no text in its error: the %s', (what, names) => {
  expect(() => Reflect.apply(issuerScoped, undefined, names)).toThrow(`the ${what} of issuerScoped()`)
})
