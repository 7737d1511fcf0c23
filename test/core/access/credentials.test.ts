import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Carriers, type Credentials } from '../../../src/core/api/credentials.ts'
import {
  basicPair,
  explicitCredentials,
  keyHeaderNames,
  listItems,
  separate,
  type SeparatedRequest,
} from '../../../src/core/access/credentials.ts'
import { Denial } from '../../../src/wire/errors.ts'
import { carrierProtocol } from '../../../src/wire/carrier.ts'
import { type Request, sourcesOf } from '../../support/auth-request.ts'

const taken = (request: Request): SeparatedRequest => separate(sourcesOf(request), request.carriers ?? {})
const credentials = (headers: Readonly<Record<string, string>>): Credentials => taken({ headers }).credentials
const query = (text: string, carriers: Carriers = {}): SeparatedRequest => taken({ query: text, carriers })

function refused(request: Request): string {
  try {
    taken(request)
  } catch (error) {
    if (error instanceof Denial) return `${error.status} ${error.reason}${error.httpOnly ? '' : ' upgraded'}`
    throw error
  }
  return 'let through'
}

describe('an Authorization header', () => {
  test.each([
    ['Bearer abc.def-_~+/==', 'bearer', 'abc.def-_~+/=='],
    ['bearer abc', 'bearer', 'abc'],
    ['BEARER   abc  ', 'bearer', 'abc'],
    ['Basic YTpi', 'basic', 'YTpi'],
    ['Ticket abc', 'ticket', 'abc'],
    ['Digest username="a", realm="b"', 'digest', 'username="a", realm="b"'],
  ])('%s is a credential of its scheme', (authorization, scheme, value) => {
    const found = credentials({ authorization })
    expect(found.explicit).toEqual({ scheme, value, carrier: 'authorization' })
    expect(found.of(scheme)).toBe(value)
    expect(found.of('another')).toBeNull()
  })

  test.each([
    'Bearer',
    'Bearer a, Bearer b',
    'Bearer a b',
    'Bearer a,b',
    'abc',
    '',
    'Bearer \u00e9',
    'Bearer =a',
    '=Bearer a',
  ])('that is malformed is refused: %s', (authorization) => {
    expect(refused({ headers: { authorization } })).toBe('400 bad-credential')
  })
})

describe('an API key', () => {
  test('rides in X-API-Key, or in the headers that were asked for', () => {
    expect(credentials({ 'x-api-key': 'k' }).explicit).toEqual({
      scheme: 'key',
      value: 'k',
      carrier: 'header',
    })
    const carriers = { headers: ['X-Robot'] }
    expect(taken({ headers: { 'x-robot': 'k' }, carriers }).credentials.of('key')).toBe('k')
    expect(taken({ headers: { 'x-api-key': 'k' }, carriers }).credentials.explicit).toBeNull()
    expect([keyHeaderNames({}), keyHeaderNames(carriers)]).toEqual([['x-api-key'], ['x-robot']])
  })
})

describe('the subprotocol list', () => {
  test('gives its credential and keeps its names', () => {
    const headers = { 'sec-websocket-protocol': `chat, ${carrierProtocol('ticket', 'abc')}, sallyport.v1` }
    const { credentials: found, protocols } = taken({ headers })
    expect(found.explicit).toEqual({ scheme: 'ticket', value: 'abc', carrier: 'ticket' })
    expect(protocols).toEqual(['chat', 'sallyport.v1'])
  })
})

describe('a cookie', () => {
  test('is found by its whole name and percent-decoded', () => {
    const found = credentials({ cookie: 'a=1; sid=s%3Ab.c%2F; xsid=2; sid2=3; empty=; q="quoted"' })
    expect(found.cookie('sid')).toBe('s:b.c/')
    expect(found.cookie('a')).toBe('1')
    expect(found.cookie('empty')).toBe('')
    expect(found.cookie('q')).toBe('quoted')
    expect(found.cookie('SID')).toBeNull()
    expect(found.cookie('toString')).toBeNull()
  })

  test('that is no percent-encoding stays as it is, and may hold equal signs', () => {
    expect(credentials({ cookie: 'sid=100%' }).cookie('sid')).toBe('100%')
    expect(credentials({ cookie: 'sid=a=b==' }).cookie('sid')).toBe('a=b==')
  })

  test('has an equal sign: a word whose beginning is its name is none', () => {
    expect(credentials({ cookie: 'sids; sid' }).cookie('sid')).toBeNull()
  })

  test('loses its quotes when it has both of them, and nothing otherwise', () => {
    const found = credentials({ cookie: 'open="x; shut=x"; lone="; none=x; empty=""' })
    const values = ['open', 'shut', 'lone', 'none', 'empty'].map((name) => found.cookie(name))
    expect(values).toEqual(['"x', 'x"', '"', 'x', ''])
  })

  test('is counted when it was found, so that the origin rule knows', () => {
    const found = credentials({ cookie: 'sid=1' })
    found.cookie('other')
    expect(found.cookieReads).toBe(0)
    found.cookie('sid')
    found.cookies()
    expect(found.cookieReads).toBe(2)
    const none = credentials({})
    none.cookies()
    expect(none.cookieReads).toBe(0)
  })

  test('is not there beside an explicit credential', () => {
    const found = credentials({ cookie: 'sid=1', authorization: 'Bearer a' })
    expect([found.cookie('sid'), found.cookies(), found.cookieReads]).toEqual([null, '', 0])
  })
})

describe('the query string', () => {
  const open: Carriers = { query: { bearer: 'token', ticket: 'ticket', key: 'api_key' } }

  test('carries a credential where that was switched on, and loses it', () => {
    expect(query('a=1&token=abc&b=2', open)).toMatchObject({ query: 'a=1&b=2' })
    expect(query('token=abc', open).credentials.explicit).toEqual({
      scheme: 'bearer',
      value: 'abc',
      carrier: 'query',
    })
    expect(query('api_key=abc', open).credentials.of('key')).toBe('abc')
    expect(query('ticket=abc', open).query).toBe('')
  })

  test('is not touched when it holds none', () => {
    for (const text of ['', 'a=1&b=%20c+d&&x', 'tokens=1', 'Token=1', '=token', 'a=token'])
      expect(query(text, open).query).toBe(text)
  })

  test.each(['token=a', 'access_token=a', 'ticket=a', 'x=1&token=', '%74oken=a', 'token'])(
    'does not carry one otherwise: %s',
    (text) => {
      expect(refused({ query: text })).toBe('400 bad-credential')
    },
  )
})

describe('the holder of credentials', () => {
  const headers = { authorization: 'Bearer marked-secret' }

  // proves: secrets-out
  test('shows no credential to a printer or a serialiser', () => {
    for (const found of [credentials(headers), credentials({ cookie: 'sid=marked-secret' })]) {
      const shown = [
        inspect(found, { showHidden: true, depth: 5 }),
        JSON.stringify({ found }),
        Object.keys(found).join(),
      ]
      expect(shown.join('\n')).not.toContain('marked-secret')
    }
  })

  test('can be made of one that came as a message', () => {
    const found = explicitCredentials({ scheme: 'bearer', value: 'abc', carrier: 'message' })
    expect([found.of('bearer'), found.cookies()]).toEqual(['abc', ''])
  })
})

describe('a Basic pair', () => {
  test('comes out as it went in, whatever it holds but a colon in the name', () => {
    const names = fc.string({ unit: 'binary' }).filter((name) => name.isWellFormed() && !name.includes(':'))
    const passwords = fc.string({ unit: 'binary' }).filter((password) => password.isWellFormed())
    fc.assert(
      fc.property(names, passwords, (user, password) => {
        expect(basicPair(Buffer.from(`${user}:${password}`).toString('base64'))).toEqual({ user, password })
      }),
    )
  })

  test.each(['', '%', 'YQ', '/zo=', 'YTpi YTpi', 'YTpi=x', 'YTpi===', 'YTpi=YTpi', 'YTpiYg=x'])(
    'is not %j',
    (value) => {
      expect(basicPair(value)).toBeNull()
    },
  )

  test('has one spelling: padded, in the alphabet of base64', () => {
    expect(basicPair('YTo/Pj4=')).toEqual({ user: 'a', password: '?>>' })
    for (const other of ['YTo/Pj4', 'YTo/Pj4==', 'YTo_Pj4=', 'YTpi=', 'YTpi==', 'YTo/Pj5='])
      expect(basicPair(other)).toBeNull()
  })

  test('with a byte order mark before the user is another user', () => {
    expect(basicPair(Buffer.from('\ufeffada:pw').toString('base64'))).toEqual({
      user: '\ufeffada',
      password: 'pw',
    })
  })
})

test('any request is taken apart or refused with 400, and no credential is left in it', () => {
  const secret = 'Marked0Secret'
  const maybe = <T>(value: T) => fc.option(fc.constant(value), { nil: undefined })
  const requests = fc.record({
    authorization: fc.oneof(maybe(`Bearer ${secret}`), fc.string({ maxLength: 20 })),
    'x-api-key': maybe(secret),
    cookie: fc.oneof(maybe(`sid=${secret}`), fc.string({ maxLength: 30 })),
    'sec-websocket-protocol': fc.oneof(
      maybe(`chat, ${carrierProtocol('bearer', secret)}`),
      maybe(`token, ${secret}`),
      fc.string({ maxLength: 20 }),
    ),
    query: fc.oneof(
      maybe(`a=1&token=${secret}`),
      fc.string({ unit: fc.constantFrom(...'token=&%74+\u00e9'.split('')), maxLength: 20 }),
    ),
  })
  fc.assert(
    fc.property(requests, ({ query: text = '', ...all }) => {
      const { authorization = null, cookie = null, 'x-api-key': key = null } = all
      const { 'sec-websocket-protocol': list = '' } = all
      const keys = key === null ? [] : [key]
      const sources = { authorization, cookies: cookie, keys, offered: listItems(list), query: text }
      try {
        const { protocols, query: rest } = separate(sources, { query: { bearer: 'token' } })
        expect(`${protocols.join()} ${rest}`).not.toContain(secret)
      } catch (error) {
        if (!(error instanceof Denial)) throw error
        expect(error.status).toBe(400)
        expect(`${error.message} ${error.detail}`).not.toContain(secret)
      }
    }),
    { numRuns: 3_000 },
  )
})
