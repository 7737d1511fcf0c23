import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Denial } from '../../src/wire/errors.ts'
import { maxParamLength, pathTemplate } from '../../src/wire/path.ts'

const chat = pathTemplate('/ws/chat/:room')
const two = pathTemplate('/ws/:org/notes/:id/')

/** What a parameter may be: 1 to 128 characters, well-formed, no control character, no dot segment. */
const params = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom(...'./%2eE:~ ?#\u00e9e\u0301'.split('')),
      minLength: 1,
      maxLength: 12,
    }),
  )
  .filter(
    (value) =>
      value.isWellFormed() &&
      !/\p{Cc}/u.test(value) &&
      value !== '.' &&
      value !== '..' &&
      value.length <= maxParamLength,
  )

describe('a path template', () => {
  test('finds its parameters, percent-decoded once', () => {
    expect(chat.match('/ws/chat/caf%C3%A9')).toEqual({ room: 'caf\u00e9' })
    expect(chat.match('/ws/chat/%2525')).toEqual({ room: '%25' })
    expect(chat.match('/ws/chat/a%2Fb')).toEqual({ room: 'a/b' })
    expect(two.match('/ws/acme/notes/7/')).toEqual({ org: 'acme', id: '7' })
  })

  test.each([
    '/ws/chat',
    '/ws/chat/a/',
    '/ws/chat/a/b',
    '/ws/Chat/a',
    'ws/chat/a',
    'https:/ws/chat/a',
    '//ws/chat/a',
    '/ws/chat/../chat/a',
    '',
    '/',
  ])('is not the template of %s', (path) => {
    expect(chat.match(path)).toBeNull()
  })

  test.each([
    '',
    '%',
    '%ZZ',
    '%C3',
    '%ED%A0%80',
    '%00',
    '%0A',
    '%7F',
    '%C2%85',
    '.',
    '..',
    '%2E',
    '%2e%2E',
    'x'.repeat(129),
  ])('refuses the parameter %s with 400', (part) => {
    expect(() => chat.match(`/ws/chat/${part}`)).toThrow(
      expect.objectContaining({ status: 400, httpOnly: true }),
    )
  })

  test('takes a parameter of 128 characters', () => {
    expect(chat.match(`/ws/chat/${'x'.repeat(128)}`)).toEqual({ room: 'x'.repeat(128) })
  })

  test('matches what it has built, with the same parameters', () => {
    fc.assert(
      fc.property(params, params, (org, id) => {
        expect(two.match(two.build({ org, id }))).toEqual({ org, id })
      }),
      { numRuns: 2_000 },
    )
  })

  test('builds one path for one set of parameters only', () => {
    fc.assert(
      fc.property(params, params, params, params, (org, id, otherOrg, otherId) => {
        const isEqual = org === otherOrg && id === otherId
        expect(two.build({ org, id }) === two.build({ org: otherOrg, id: otherId })).toBe(isEqual)
      }),
      { numRuns: 2_000 },
    )
  })

  test('builds a path that a URL does not change', () => {
    fc.assert(
      fc.property(params, (room) => {
        const path = chat.build({ room })
        expect(new URL(path, 'http://localhost').pathname).toBe(path)
      }),
    )
  })

  test('throws nothing but a denial on any path', () => {
    const paths = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'/%0aAeEwschtCF:.'.split('')) }).map((rest) => `/ws/chat/${rest}`),
    )
    fc.assert(
      fc.property(paths, (path) => {
        try {
          const found = chat.match(path)
          if (found !== null) expect(chat.match(chat.build(found))).toEqual(found)
        } catch (error) {
          if (!(error instanceof Denial)) throw error
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('does not build from what is missing or malformed', () => {
    for (const room of [undefined, null, 7, '', '.', '..', 'a\nb', '\ud800', 'x'.repeat(129)]) {
      // what an untyped caller may pass
      expect(() => chat.build({ room } as Record<string, string>)).toThrow(TypeError)
    }
  })

  test('says which parameter is missing', () => {
    expect(() => chat.build({})).toThrow("the path '/ws/chat/:room' needs the parameter 'room'")
  })

  test.each([
    'ws',
    '',
    '/ws/:',
    '/ws/:1a',
    '/ws/:a-b',
    '/ws/a:b',
    '/ws/*',
    '/ws/a b',
    '/ws/\u00e9',
    '/ws/..',
    '/./a',
    '/:a/:a',
    '/ws?a',
    '/%41',
  ])('is not %s', (source) => {
    expect(() => pathTemplate(source)).toThrow(TypeError)
  })

  test('takes names of prototypes for what they are', () => {
    expect(pathTemplate('/:constructor/:__proto__').match('/a/b')).toEqual(
      Object.fromEntries([
        ['constructor', 'a'],
        ['__proto__', 'b'],
      ]),
    )
    expect(() => chat.build({})).toThrow(TypeError)
  })
})

/** The parameters of a path, found by splitting it. */
function plainlyMatched(source: string, path: string): unknown {
  const [names, parts] = [source.split('/'), path.split('/')]
  const found: [string, string][] = []
  if (parts.length !== names.length) return null
  for (const [index, name] of names.entries()) {
    if (name.startsWith(':')) found.push([name.slice(1), parts[index] ?? ''])
    else if (name !== parts[index]) return null
  }
  try {
    const values = found.map(([name, part]) => [name, decodeURIComponent(part)] as const)
    const isFit = values.every(([, value]) => /^(?!\.{1,2}$)[^\p{Cc}]{1,128}$/u.test(value))
    return isFit ? Object.fromEntries(values) : 'refused'
  } catch {
    return 'refused'
  }
}

test('any path is matched as when it is split', () => {
  const sources = ['/', '/ws', '/ws/', '/ws/:room', '/:a/x/:b', '/:__proto__/:constructor', '/ws/:room/']
  const parts = fc.constantFrom(
    '/',
    '/',
    '/',
    'ws',
    'x',
    'a',
    '%',
    '%41',
    '%00',
    '%2F',
    '.',
    '..',
    'é',
    'a'.repeat(128),
  )
  const seen = new Set<string>()
  fc.assert(
    fc.property(fc.constantFrom(...sources), fc.array(parts, { maxLength: 7 }), (source, all) => {
      const path = all.join('')
      let matched: unknown
      try {
        matched = pathTemplate(source).match(path)
      } catch (error) {
        if (!(error instanceof Denial)) throw error
        matched = 'refused'
      }
      const plain = plainlyMatched(source, path)
      seen.add(JSON.stringify(plain))
      expect(matched).toEqual(plain)
      if (plain !== null && plain !== 'refused')
        expect(Object.keys(matched ?? {})).toEqual(Object.keys(plain ?? {}))
    }),
    { numRuns: 20_000 },
  )
  expect(seen.size).toBeGreaterThan(15)
})
