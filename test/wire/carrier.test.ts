import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { carrierProtocol, isHttpToken, subprotocols } from '../../src/wire/carrier.ts'

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl'
const secrets = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 60 })
  .filter((secret) => secret.isWellFormed())
const schemes = fc.constantFrom('bearer' as const, 'ticket' as const)
const names = fc.constantFrom('chat', 'sallyport.v1', 'v2.chat', 'graphql-ws')

describe('a credential in the subprotocol list', () => {
  test('comes out as it went in, and its entry is a legal subprotocol', () => {
    fc.assert(
      fc.property(schemes, secrets, names, (scheme, value, name) => {
        const entry = carrierProtocol(scheme, value)
        expect(isHttpToken(entry)).toBe(true)
        for (const list of [
          [name, entry],
          [entry, name],
        ])
          expect(subprotocols(list)).toEqual({ names: [name], credentials: [{ scheme, value }] })
      }),
    )
  })

  test('keeps a byte order mark before it, which makes it another credential', () => {
    for (const scheme of ['bearer', 'ticket'] as const)
      expect(subprotocols(['chat', carrierProtocol(scheme, '\ufeffabc')])?.credentials).toEqual([
        { scheme, value: '\ufeffabc' },
      ])
  })

  test('is the second entry of a pair that begins with token', () => {
    expect(subprotocols(['token', jwt])).toEqual({
      names: ['token'],
      credentials: [{ scheme: 'bearer', value: jwt }],
    })
  })

  test('may stand beside several names, which keep their order', () => {
    const entry = carrierProtocol('ticket', 'abc')
    expect(subprotocols(['b', entry, 'a'])?.names).toEqual(['b', 'a'])
  })

  test.each<[string, readonly string[]]>([
    ['no name beside it to answer', [carrierProtocol('bearer', 'abc')]],
    ['padding', ['chat', 'sallyport.bearer.YQ==']],
    ['another spelling', ['chat', 'sallyport.bearer.YR']],
    ['no value', ['chat', 'sallyport.bearer.']],
    ['no UTF-8', ['chat', 'sallyport.bearer._w']],
    ['a comma', ['chat', 'token,abc']],
    ['itself twice', ['chat', carrierProtocol('bearer', 'a'), carrierProtocol('bearer', 'a')]],
    ['its marker alone', ['token']],
    ['its marker and more', ['token', jwt, 'chat']],
    ['its marker elsewhere', ['chat', 'token', jwt]],
    ['its marker at the end', ['chat', 'token']],
    ['its marker twice', ['token', 'token']],
    ['a carrier behind its marker', ['token', carrierProtocol('bearer', 'a')]],
    ['a bare token', ['chat', jwt]],
    ['a bare token alone', [jwt]],
    [
      'a bare token whose header begins with a space',
      ['chat', 'eyAiYWxnIjoiSFMyNTYifQ.eyJzdWIiOiI3In0.c2ln'],
    ],
    [
      'a bare token whose header begins with a line end',
      ['chat', 'ewoiYWxnIjoiSFMyNTYifQ.eyJzdWIiOiI3In0.c2ln'],
    ],
    ['a bare encrypted token', ['chat', 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.dGV4dA.dGFn']],
    ['a name that is no token', ['chat room']],
    ['an empty name', ['chat', '']],
  ])('with %s makes the list malformed', (_what, offered) => {
    expect(subprotocols(offered)).toBeNull()
  })

  test('is never among the names, and no list makes it throw', () => {
    const entries = fc.oneof(
      names,
      fc.constantFrom('token', jwt, '', 'a,b'),
      fc.string({ maxLength: 20 }),
      fc.tuple(schemes, secrets).map(([scheme, value]) => carrierProtocol(scheme, value)),
      fc.tuple(schemes, fc.string({ maxLength: 8 })).map(([scheme, tail]) => `sallyport.${scheme}.${tail}`),
    )
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 5 }), (offered) => {
        const list = subprotocols(offered)
        if (list === null) return
        for (const name of list.names) {
          expect(offered).toContain(name)
          expect(name).not.toMatch(/^sallyport\.(bearer|ticket)\.|^eyJ/)
        }
        if (list.credentials.length > 0) expect(list.names.length).toBeGreaterThan(0)
      }),
      { numRuns: 3_000 },
    )
  })

  test('is not seen in names that only look a little like it', () => {
    const offered = ['eyes.v1', 'ey.v1.chat', 'sallyport.v1', 'tokens']
    expect(subprotocols(offered)).toEqual({ names: offered, credentials: [] })
    expect(subprotocols([])).toEqual({ names: [], credentials: [] })
  })
})
