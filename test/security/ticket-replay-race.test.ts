import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { tickets } from '../../src/auth/tickets.ts'
import type { AuthRequest } from '../../src/core/api/handshake.ts'
import { testServer } from '../../src/testing.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { authRequestOf, verdict } from '../support/auth-request.ts'

// One reservation could open several connections elsewhere while the user was still being loaded.
const origin = 'https://app.example'
const path = '/ws/chat/lobby'
const ticketRequest = (ticket: string): AuthRequest =>
  authRequestOf({
    path,
    headers: { origin, 'sec-websocket-protocol': `chat, ${carrierProtocol('ticket', ticket)}` },
  })

// proves: ticket-reuse
test('of two hundred that use one ticket at once, exactly one comes in', async () => {
  const { store } = testServer()
  const nodes = [1, 2, 3].map(() => tickets({ store, user: () => setImmediate({ id: '7' }) }))
  const { ticket } = await (nodes[0] as (typeof nodes)[number]).mint({
    subject: '7',
    issuedAt: new Date(0),
    origin,
    path,
  })
  const all = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      verdict(nodes[index % 3] as (typeof nodes)[number], ticketRequest(ticket)),
    ),
  )
  expect(all.filter((one) => typeof one === 'object')).toHaveLength(1)
  expect(all.filter((one) => one === '401 invalid-ticket')).toHaveLength(199)
})

test('a ticket is gone before the user is loaded', async () => {
  const loaded = Promise.withResolvers<{ id: string }>()
  const one = tickets({ store: testServer().store, user: () => loaded.promise })
  const { ticket } = await one.mint({ subject: '7', issuedAt: new Date(0), origin, path })
  const first = one(ticketRequest(ticket))
  expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
  loaded.resolve({ id: '7' })
  expect(await first).toMatchObject({ user: { id: '7' } })
})

test('a ticket whose user could not be loaded does not come back', async () => {
  let isAway = true
  const user = () => (isAway ? Promise.reject(new Error('database away')) : { id: '7' })
  const one = tickets({ store: testServer().store, user })
  const { ticket } = await one.mint({ subject: '7', issuedAt: new Date(0), origin, path })
  await expect(one(ticketRequest(ticket))).rejects.toThrow('database away')
  isAway = false
  expect(await verdict(one, ticketRequest(ticket))).toBe('401 invalid-ticket')
})
