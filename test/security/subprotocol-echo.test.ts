import { expect, test } from 'vitest'
import { separate } from '../../src/core/access/credentials.ts'
import { answeredProtocol } from '../../src/core/access/denial-response.ts'
import { carrierProtocol, protocolName } from '../../src/wire/carrier.ts'
import { denialOf, authRequestOf, sourcesOf } from '../support/auth-request.ts'

// A browser fails the connection when no offered subprotocol is answered; answering the one that holds the token leaks it.
const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl'
const answer = (list: string): string | null =>
  answeredProtocol(separate(sourcesOf({ headers: { 'sec-websocket-protocol': list } }), {}).protocols)

test.each([
  ['a plain name', `chat, ${carrierProtocol('bearer', token)}`, 'chat'],
  ['a plain name behind the credential', `${carrierProtocol('bearer', token)}, chat`, 'chat'],
  ['ours, wherever it stands', `chat, ${carrierProtocol('ticket', 'abc')}, ${protocolName}`, protocolName],
  ['the marker of a pair', `token, ${token}`, 'token'],
])('%s is answered', (_what, list, answered) => {
  expect(answer(list)).toBe(answered)
})

// proves: echoed-secret
test.each([
  ['nothing but a credential', carrierProtocol('bearer', token)],
  ['nothing but a bare token', token],
  ['a bare token first', `${token}, chat`],
  ['a bare token last', `chat, ${token}`],
  ['the article, with a comma in an entry', `protocol, token,${token}`],
  ['a pair the wrong way round', `${token}, token`],
])('a list with %s is refused before anything is answered', async (_what, list) => {
  const denial = await denialOf(() => authRequestOf({ headers: { 'sec-websocket-protocol': list } }))
  expect([denial.status, denial.reason, denial.httpOnly]).toEqual([400, 'bad-subprotocol', true])
  expect(`${denial.message} ${denial.detail}`).not.toContain(token)
})
