import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { apiKeys } from '../../src/auth/api-keys.ts'
import { basic } from '../../src/auth/basic.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { tickets } from '../../src/auth/tickets.ts'
import { anyOf, consumer, contract, text } from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

// What has two spellings is revoked, counted or kept out of logs under one of them only.
const clock = testClock()
const server = testServer({ clock, carriers: { query: { bearer: 'token' } } })
const key = createHash('sha256').update('sk_1').digest('hex')
const ada = { id: '7' }
const office = tickets({ store: server.store, clock, user: () => ada })
const auth = anyOf(
  apiKeys({ prefix: 'sk_', find: (hash) => (hash === key ? { user: ada } : null) }),
  office,
  basic({
    realm: 'devices',
    check: (user, password) => (`${user}:${password}` === 'ada:pw>>?' ? ada : null),
  }),
  jwt({ secret, clock, user: () => ada }),
)
const room = consumer(contract('/ws/lines', { client: text, server: text }), { auth }, () => ({
  message: () => {},
}))
const mark = '\ufeff'
const token = handmade({ alg: 'HS256' }, { sub: '7', exp: seconds(clock) + 60 })
const visitWith = (headers: Record<string, string>, query = '') => visit(room, {}, { server, headers, query })
const offering = (scheme: 'bearer' | 'ticket', value: string) => ({
  'sec-websocket-protocol': carrierProtocol(scheme, value),
})

// proves: two-spellings
test.each([['sk_1'], [token]])(
  'a bearer credential with a byte order mark before or behind it is 401',
  async (value) => {
    await visitWith(offering('bearer', value))
    for (const other of [mark + value, value + mark, mark + mark + value]) {
      await expect(visitWith(offering('bearer', other))).rejects.toMatchObject({ status: 401 })
      await expect(visitWith({}, `token=${encodeURIComponent(other)}`)).rejects.toMatchObject({ status: 401 })
    }
  },
)

test('a ticket with a byte order mark before it is 401, and is not used up by that', async () => {
  const { ticket } = await office.mint({
    subject: '7',
    issuedAt: new Date(0),
    origin: null,
    path: '/ws/lines',
  })
  await expect(visitWith(offering('ticket', mark + ticket))).rejects.toMatchObject({ status: 401 })
  await visitWith(offering('ticket', ticket))
})

test('a user and password of Basic have one spelling', async () => {
  const good = Buffer.from('ada:pw>>?').toString('base64')
  expect(good).toMatch(/[+/]/)
  await visitWith({ authorization: `Basic ${good}` })
  for (const other of [
    Buffer.from(`${mark}ada:pw>>?`).toString('base64'),
    good.replaceAll('+', '-').replaceAll('/', '_'),
    `${good}=`,
    `${good}==`,
  ])
    await expect(visitWith({ authorization: `Basic ${other}` })).rejects.toMatchObject({ status: 401 })
})
