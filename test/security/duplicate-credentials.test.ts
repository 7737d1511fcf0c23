import { expect, test } from 'vitest'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { denialOf, authRequestOf, type Request } from '../support/auth-request.ts'

// Of two credentials that disagree, a proxy or a log in front may have judged the other one.
const carriers = { query: { bearer: 'token', ticket: 'ticket' } }
const list = (...entries: readonly string[]): string => ['chat', ...entries].join(', ')

// proves: two-credentials
test.each<[string, Request]>([
  [
    'two bearer tokens',
    {
      headers: { authorization: 'Bearer a', 'sec-websocket-protocol': list(carrierProtocol('bearer', 'b')) },
    },
  ],
  ['a bearer token and an API key', { headers: { authorization: 'Bearer a', 'x-api-key': 'a' } }],
  [
    'a Basic pair and a ticket',
    {
      headers: {
        authorization: 'Basic YTpi',
        'sec-websocket-protocol': list(carrierProtocol('ticket', 'a')),
      },
    },
  ],
  [
    'two tickets',
    {
      headers: {
        'sec-websocket-protocol': list(carrierProtocol('ticket', 'a'), carrierProtocol('ticket', 'b')),
      },
    },
  ],
  [
    'a ticket and a bearer token of the same text',
    {
      headers: {
        'sec-websocket-protocol': list(carrierProtocol('ticket', 'a'), carrierProtocol('bearer', 'a')),
      },
    },
  ],
  [
    'a token in the header and another in the query',
    { headers: { authorization: 'Bearer a' }, query: 'token=b' },
  ],
  [
    'a token pair and a header',
    { headers: { authorization: 'Bearer a', 'sec-websocket-protocol': 'token, b' } },
  ],
  ['a ticket and a token in the query', { query: 'token=a&ticket=a' }],
])('%s are refused together', async (_what, request) => {
  const denial = await denialOf(() => authRequestOf({ ...request, carriers }))
  expect([denial.status, denial.reason, denial.httpOnly]).toEqual([400, 'conflicting-credentials', true])
})

test('the same token in two carriers is one credential', () => {
  const headers = {
    authorization: 'Bearer a',
    'sec-websocket-protocol': list(carrierProtocol('bearer', 'a')),
  }
  expect(authRequestOf({ headers }).credentials.of('bearer')).toBe('a')
})

test('two Authorization headers that a server in front has joined are refused', async () => {
  const denial = await denialOf(() => authRequestOf({ headers: { authorization: 'Bearer a, Bearer b' } }))
  expect(denial.status).toBe(400)
})
