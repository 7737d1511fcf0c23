import { afterEach, beforeEach, expect, test } from 'vitest'
import { introspection, provider } from '../../src/auth/oidc.ts'
import { anyOf } from '../../src/index.ts'
import { testClock } from '../../src/testing/clock.ts'
import { testPort } from '../../src/testing.ts'
import { bearerDoor, verdict } from '../support/door.ts'
import { accessToken, accessTokens, logoutClaims, logoutSite } from '../support/oidc-house.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// RFC 9700 section 4.4: of two providers that are both trusted, one must not be able to speak for the other. Both call
// their key by the same name, and know a user 7.
const clock = testClock()
let honest: ScriptedIssuer
let rogue: ScriptedIssuer
beforeEach(async () => {
  ;[honest, rogue] = await Promise.all([scriptedIssuer(), scriptedIssuer()])
})
afterEach(() => Promise.all([honest.stop(), rogue.stop()]))

const subject = ({ iss, sub }: { iss: string; sub: string }): string => `${iss} ${sub}`

test('a token in the name of the other is refused, in whatever order they are asked', async () => {
  const ones = [honest, rogue].map(({ issuer }) => accessTokens(issuer, { clock, subject }))
  const forged = await accessToken(rogue, clock, { iss: honest.issuer })
  for (const auth of [anyOf(...ones), anyOf(...ones.toReversed())]) {
    expect(await verdict(auth, bearerDoor(await accessToken(honest, clock)))).toMatchObject({
      subject: `${honest.issuer} 7`,
    })
    expect(await verdict(auth, bearerDoor(await accessToken(rogue, clock)))).toMatchObject({
      subject: `${rogue.issuer} 7`,
    })
    expect(await verdict(auth, bearerDoor(forged))).toBe('401 invalid-token')
  }
})

test('a document in the name of the other brings no keys', async () => {
  rogue.document['issuer'] = honest.issuer
  const auth = accessTokens(rogue.issuer, { clock })
  await expect(verdict(auth, bearerDoor(await accessToken(rogue, clock)))).rejects.toThrow(
    'could not be fetched',
  )
  expect(rogue.count('keys')).toBe(0)
})

test('an answer about a token in the name of the other is refused', async () => {
  const auth = introspection({
    provider: provider({ issuer: rogue.issuer, clock, subject }),
    client: { id: 'chat', secret: 'secret' },
    user: ({ sub }) => ({ id: sub }),
  })
  rogue.tokens.set('opaque', { active: true, token_type: 'Bearer', sub: '7', iss: honest.issuer })
  expect(await verdict(auth, bearerDoor('opaque'))).toBe('401 invalid-token')
})

test('a logout in the name of the other ends nobody, and one in its own nobody of the other', async () => {
  const sites = [honest, rogue].map(({ issuer }) => logoutSite(issuer, { clock, subject }))
  const typ = { typ: 'logout+jwt' }
  const forged = await rogue.sign(logoutClaims(honest.issuer, clock, 'forged'), typ)
  for (const { logout } of sites) expect(await logout(forged)).toBe(400)
  const own = await rogue.sign(logoutClaims(rogue.issuer, clock, 'own'), typ)
  expect(await sites[1]?.logout(own)).toBe(200)
  expect(sites.map(({ ended }) => ended)).toMatchObject([[], [{ user: `${rogue.issuer} 7` }]])
})

test('a logout token that one provider has used is not used up for the other', async () => {
  const { store } = testPort({ clock })
  for (const one of [honest, rogue]) {
    const { logout } = logoutSite(one.issuer, { clock, subject }, store)
    const token = await one.sign(logoutClaims(one.issuer, clock, 'same name'), { typ: 'logout+jwt' })
    expect(await logout(token)).toBe(200)
  }
})
