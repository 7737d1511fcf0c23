import { expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { tickets } from '../../src/auth/tickets.ts'
import { anyOf, consumer, contract, text } from '../../src/index.ts'
import { testClock, testServer, visit } from '../../src/testing.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { handmade, seconds, secret } from '../support/tokens.ts'

// A user is banned, and still has a token from before: a ticket that is made with it must not pass for younger than the ban.
const lines = contract('/ws/lines', { client: text, server: text })
const path = '/ws/lines'

function serverWithTickets() {
  const clock = testClock()
  const server = testServer({ clock })
  const office = tickets({ store: server.store, clock, user: ({ subject }) => ({ id: subject }) })
  const bearer = jwt({ secret, clock, user: ({ sub }) => ({ id: sub }) })
  const room = consumer(lines, { auth: anyOf(office, bearer) }, () => ({ message: () => {} }))
  /** A route that knows nothing of the ban: it trusts the token alone. */
  const exchange = async (iat: number) => {
    const { ticket } = await office.mint({ subject: '7', issuedAt: new Date(iat * 1000), origin: null, path })
    return visit(
      room,
      {},
      { server, headers: { 'sec-websocket-protocol': carrierProtocol('ticket', ticket) } },
    )
  }
  const visitWithToken = (iat: number) => {
    const token = handmade({ alg: 'HS256' }, { sub: '7', iat, exp: iat + 3_600 })
    return visit(room, {}, { server, headers: { authorization: `Bearer ${token}` } })
  }
  return { clock, server, exchange, visitWithToken }
}

// proves: ticket-age
test('a ticket made after a ban with a token from before it is refused, as the token is', async () => {
  const { clock, server, exchange, visitWithToken } = serverWithTickets()
  const iat = seconds(clock)
  await exchange(iat)
  await clock.advance(1_000)
  await server.revoke({ user: '7', reason: 'banned' })
  await clock.advance(60_000)
  await expect(visitWithToken(iat)).rejects.toMatchObject({ status: 403, code: 'revoked' })
  await expect(exchange(iat)).rejects.toMatchObject({ status: 403, code: 'revoked' })
})

test('a ticket on a credential of unknown age is refused by any ban, one on a new sign-in is not', async () => {
  const { clock, server, exchange } = serverWithTickets()
  await server.revoke({ user: '7', reason: 'banned' })
  await clock.advance(2_000)
  await expect(exchange(0)).rejects.toMatchObject({ status: 403, code: 'revoked' })
  await exchange(seconds(clock))
})

test('a wall clock that is set back at the mint makes nothing younger than it is', async () => {
  const { clock, server, exchange } = serverWithTickets()
  const iat = seconds(clock)
  await clock.advance(1_000)
  await server.revoke({ user: '7', reason: 'banned' })
  clock.jump(3_600_000)
  await expect(exchange(iat)).rejects.toMatchObject({ status: 403, code: 'revoked' })
})
