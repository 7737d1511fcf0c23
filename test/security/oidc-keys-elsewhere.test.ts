import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { introspection, provider } from '../../src/auth/oidc.ts'
import { readMetadata } from '../../src/auth/oidc/metadata.ts'
import { testClock } from '../../src/testing/clock.ts'
import { bearerRequest, verdict } from '../support/auth-request.ts'
import { accessToken, accessTokens } from '../support/oidc-tokens.ts'
import { scriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.ts'

// Server-side request forgery: what a document points at is asked by this server, from inside its network, and the
// introspection endpoint is even told the client's secret.
const clock = testClock()
let issuer: ScriptedIssuer
let internalService: ScriptedIssuer
beforeEach(async () => {
  ;[issuer, internalService] = await Promise.all([scriptedIssuer(), scriptedIssuer()])
})
afterEach(() => Promise.all([issuer.stop(), internalService.stop()]))

// proves: provider-redirect
test('keys on another host, or another port of this machine, are not asked for', async () => {
  issuer.document['jwks_uri'] = `${internalService.issuer}/jwks`
  const auth = accessTokens(issuer.issuer, { clock })
  await expect(verdict(auth, bearerRequest(await accessToken(issuer, clock)))).rejects.toThrow(
    'could not be fetched',
  )
  expect(internalService.asked).toEqual([])
})

// proves: provider-redirect
test('an introspection endpoint at another site, or behind a redirect, gets no token or secret', async () => {
  const make = () =>
    introspection({
      provider: provider({ issuer: issuer.issuer, clock }),
      client: { id: 'chat', secret: 'secret' },
      user: () => ({ id: '7' }),
    })
  issuer.document['introspection_endpoint'] = `${internalService.issuer}/introspect`
  await expect(verdict(make(), bearerRequest('opaque'))).rejects.toThrow('could not be fetched')
  issuer.document['introspection_endpoint'] = `${issuer.issuer}/introspect`
  for (const status of [301, 302, 307, 308]) {
    issuer.answer('introspection', (_request, response) =>
      response.writeHead(status, { location: `${internalService.issuer}/introspect` }).end(),
    )
    await expect(verdict(make(), bearerRequest('opaque'))).rejects.toThrow('no answer')
  }
  expect(internalService.asked).toEqual([])
})

describe('a document of https://id.example', () => {
  const read = (jwks: string, hosts: readonly string[] = []): string =>
    readMetadata(
      JSON.stringify({ issuer: 'https://id.example', jwks_uri: jwks }),
      'https://id.example',
      hosts,
    ).jwks.href

  test.each([
    'http://id.example/jwks',
    'https://id.example:8443/jwks',
    'https://id.example.evil.example/jwks',
    'https://sub.id.example/jwks',
    'https://id.example@evil.example/jwks',
    'http://127.0.0.1/jwks',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/jwks',
    'data:application/json,{"keys":[]}',
    '//id.example/jwks',
  ])('may not point at %s', (jwks) => {
    expect(() => read(jwks)).toThrow(/https URL|another host/)
  })

  test('may point at a host that was configured, over https alone', () => {
    const hosts = ['keys.example', '127.0.0.1']
    expect(() => read('http://127.0.0.1/jwks', hosts)).toThrow('another host')
    expect(read('https://keys.example/jwks', hosts)).toBe('https://keys.example/jwks')
    expect(() => read('http://keys.example/jwks', hosts)).toThrow('https URL')
    expect(() => read('https://keys.example:8443/jwks', hosts)).toThrow('another host')
  })
})
