import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { separate } from '../../../src/core/access/credentials.ts'
import { Denial } from '../../../src/wire/errors.ts'

// The readers of headers and queries are written for speed. Here each is compared with the plainest one, which says what it must say.

/** What an `Authorization` header holds, by one expression. */
function plainAuthorization(header: string): string {
  const [, scheme = '', value = ''] = /^([A-Za-z][A-Za-z0-9-]*) +(\S(?:.*\S)?) *$/.exec(header) ?? []
  if (value === '') return 'malformed'
  if (scheme.toLowerCase() === 'bearer' && !/^[A-Za-z0-9\-._~+/]+=*$/.test(value)) return 'malformed'
  return `${scheme.toLowerCase()}|${value}`
}

function readAuthorization(authorization: string): string {
  const sources = { authorization, cookies: null, keys: [], offered: [], query: '' }
  try {
    const { explicit } = separate(sources, {}).credentials
    return `${explicit?.scheme}|${explicit?.value}`
  } catch (error) {
    if (error instanceof Denial) return 'malformed'
    throw error
  }
}

test('any Authorization header is read as by one expression', () => {
  const parts = [
    'Bearer',
    'bearer',
    'BEARER',
    'Basic',
    'a-1',
    '1a',
    ' ',
    '  ',
    '\t',
    '\u00a0',
    'abc',
    '=',
    '==',
  ]
  const text = fc.array(fc.oneof(fc.constantFrom(...parts, '\n', ',', 'é'), fc.string({ maxLength: 3 })), {
    maxLength: 7,
  })
  const read = new Set<string>()
  fc.assert(
    fc.property(text, (all) => {
      const header = all.join('')
      const plain = plainAuthorization(header)
      read.add(plain)
      expect(readAuthorization(header)).toBe(plain)
    }),
    { numRuns: 20_000 },
  )
  expect(read.size).toBeGreaterThan(150)
})

/** What a query holds when all its pairs are looked at one by one. */
function plainQuery(query: string, names: readonly string[], open: string | null): string {
  const pairs = query.split('&').map((pair) => {
    const equals = pair.indexOf('=')
    return equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
  })
  const decoded = (text = ''): string | null => {
    try {
      return decodeURIComponent(text)
    } catch {
      return null
    }
  }
  const params = new URLSearchParams(query)
  let found = 'nothing'
  for (const name of names) {
    const of = pairs.filter(([key]) => query !== '' && decoded(key) === name)
    if (of.length === 0) continue
    const value = decoded(of[0]?.[1])
    if (name !== open || of.length > 1 || value === null || value === '') return 'refused'
    params.delete(name)
    found = value
  }
  return `${found} of ${found === 'nothing' ? query : params.toString()}`
}

test('any query is read as when all its pairs are looked at one by one', () => {
  const parts = [
    'token',
    'ticket',
    'access_token',
    'sid',
    '%74oken',
    't%6fken',
    'a',
    '=',
    '=',
    '&',
    '&',
    '%',
    '%zz',
    '+',
    'é',
  ]
  const text = fc.array(fc.constantFrom(...parts), { maxLength: 9 })
  const read = new Set<string>()
  fc.assert(
    fc.property(text, fc.constantFrom(null, 'token', 'sid'), (all, open) => {
      const query = all.join('')
      const sources = { authorization: null, cookies: null, keys: [], offered: [], query }
      const plain = plainQuery(
        query,
        ['token', 'access_token', 'ticket', 'sid'].filter((name) => name !== 'sid' || open === 'sid'),
        open,
      )
      read.add(plain)
      let taken: string
      try {
        const { credentials, query: rest } = separate(
          sources,
          open === null ? {} : { query: { bearer: open } },
        )
        taken = `${credentials.explicit?.value ?? 'nothing'} of ${rest}`
      } catch (error) {
        if (!(error instanceof Denial)) throw error
        taken = 'refused'
      }
      expect(taken).toBe(plain)
    }),
    { numRuns: 20_000 },
  )
  expect(read.size).toBeGreaterThan(1_000)
})
