import { createHash, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  type Authenticator,
  anyOf,
  anyone,
  consumer,
  contract,
  deny,
  type Door,
  memory,
  router,
  type SallyportEvent,
  text,
} from '../../src/index.ts'
import { apiKeys } from '../../src/auth/api-keys.ts'
import { basic } from '../../src/auth/basic.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { sessions } from '../../src/auth/sessions.ts'
import { tickets } from '../../src/auth/tickets.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { toBase64url } from '../../src/wire/to-base64url.ts'
import { knock, upgradeHead } from '../transports/upgrade-head.ts'
import { handmade, secret as signingSecret } from '../support/tokens.ts'
import { besieged } from './besieged.ts'

// Every credential, in every carrier, with every outcome: what the server says, tells its operators and shows to
// application code holds none of it. A marked secret is looked for in each form that it could take.
const mark = 'Marked0Secret'
const token = handmade({ alg: 'HS256' }, { sub: mark, exp: Math.floor(Date.now() / 1_000) + 600 })
const foreign = handmade({ alg: 'HS256' }, { sub: mark, exp: 1, iss: mark })
const user = { id: '7' }

/** The forms in which a secret could come out again. */
const forms = (value: string): readonly string[] => [
  value,
  encodeURIComponent(value),
  Buffer.from(value).toString('base64'),
  toBase64url(Buffer.from(value)),
]

/** An authenticator that fails with an error of its own, which names no credential. */
const away: Authenticator<typeof user> = async ({ credentials }) => {
  if (credentials.of('bearer') === null) return null
  throw new Error('the directory is away')
}

function everything() {
  const { store } = memory()
  return anyOf(
    jwt({ secret: signingSecret, user: () => user }),
    tickets({ store, user: () => user }),
    sessions({ cookie: 'sid', load: (id) => (id === mark ? { id } : null), user: () => user }),
    apiKeys({
      find: (hash) => (hash === createHash('sha256').update(mark).digest('hex') ? { user } : null),
    }),
    basic({ realm: 'here', check: (_name, password) => (password === mark ? { user } : null) }),
  )
}

interface Attempt {
  readonly path?: string
  readonly headers: readonly string[]
}
const origin = 'Origin: http://127.0.0.1'
const list = (...entries: readonly string[]): string => `Sec-WebSocket-Protocol: ${entries.join(', ')}`
const basicOf = (password: string): string => Buffer.from(`ada:${password}`).toString('base64')

const attempts: readonly (readonly [string, string, Attempt])[] = [
  ['a good token in a header', token, { headers: [`Authorization: Bearer ${token}`] }],
  ['a token of somebody else', foreign, { headers: [`Authorization: Bearer ${foreign}`] }],
  ['a token in the list', token, { headers: [list('sallyport.v1', carrierProtocol('bearer', token))] }],
  ['a token in a pair', token, { headers: [list('token', token)] }],
  ['a bare token in the list', token, { headers: [list('chat', token), origin] }],
  [
    'a bad token for a page',
    foreign,
    { headers: [list('chat', carrierProtocol('bearer', foreign)), origin] },
  ],
  ['an invented ticket', mark, { headers: [list('chat', carrierProtocol('ticket', mark)), origin] }],
  ['a session', mark, { headers: [`Cookie: sid=${mark}`, origin] }],
  ['a session without an origin', mark, { headers: [`Cookie: sid=${mark}`] }],
  ['a session from another site', mark, { headers: [`Cookie: sid=${mark}`, 'Origin: https://evil.example'] }],
  ['two sessions', mark, { headers: [`Cookie: sid=${mark}; sid=other`, origin] }],
  ['an API key', mark, { headers: [`X-API-Key: ${mark}`] }],
  ['an unknown API key', `${mark}2`, { headers: [`X-API-Key: ${mark}2`] }],
  ['a password', basicOf(mark), { headers: [`Authorization: Basic ${basicOf(mark)}`] }],
  ['a wrong password', basicOf(`${mark}2`), { headers: [`Authorization: Basic ${basicOf(`${mark}2`)}`] }],
  ['two credentials', mark, { headers: [`Authorization: Bearer ${mark}`, `X-API-Key: ${mark}`] }],
  ['a malformed header', mark, { headers: [`Authorization: Bearer ${mark}, Bearer b`] }],
  ['a token in the query', token, { path: `?token=${token}`, headers: [] }],
  ['a token in the query twice', token, { path: `?token=${token}&token=${token}`, headers: [] }],
  ['a query that is switched off', mark, { path: `?access_token=${mark}`, headers: [] }],
  ['a query in a malformed request', mark, { path: `?token=${mark}`, headers: ['Host: twice'] }],
  ['a token for a proxy', mark, { headers: [`Proxy-Authorization: Basic ${mark}`] }],
]

describe.each(['/ws/all', '/ws/guests', '/ws/closed', '/ws/away', '/ws/nowhere'])('at %s', (place) => {
  test.each(attempts)('%s stays at the door', async (_what, secret, { path = '', headers }) => {
    const told: unknown[] = []
    const shown: unknown[] = []
    const lines = (at: string) => contract(at, { client: text, server: text })
    const open = (at: string, auth: Authenticator<unknown>, authorize: () => boolean | null) =>
      consumer(lines(at), { auth, authorize }, (socket) => {
        shown.push(socket, { ...socket }, socket.user, socket.subject, socket.id)
        return { message: () => {} }
      })
    const endpoints = [
      open('/ws/all', everything(), () => true),
      open('/ws/guests', anyone, () => true),
      open('/ws/closed', everything(), () => deny(403, 'closed')),
      open('/ws/away', away, () => true),
    ]
    const wrapped: Parameters<typeof router>[0][number] = async (handshake) => {
      shown.push(handshake, handshake.url.href, [...handshake.headers], handshake.protocols)
      await router(endpoints)(handshake)
    }
    const { number, canary, faults } = await besieged(
      {
        carriers: { query: { bearer: 'token' } },
        on: (event: SallyportEvent) => told.push(event),
      },
      wrapped,
    )
    const socket = await knock(number, upgradeHead(`${place}${path}`, {}, headers))
    const answered: Buffer[] = []
    socket.on('data', (chunk) => answered.push(chunk))
    await expect.poll(() => answered.length, { interval: 2 }).toBeGreaterThan(0)
    socket.destroy()
    await canary.alive()
    const said = Buffer.concat(answered).toString('latin1')
    const deep = { showHidden: true, depth: 8, getters: false } as const
    const all = [said, inspect([told, shown, faults], deep), JSON.stringify([told, shown, faults])].join('\n')
    expect(forms(secret).filter((form) => all.includes(form))).toEqual([])
  })
})

test('an identity that is printed shows no credential it was made from', async () => {
  const value = toBase64url(randomBytes(24))
  const door = {
    credentials: { of: () => null, cookie: () => value, cookies: () => '', explicit: null, cookieReads: 0 },
  } as unknown as Door
  const member = sessions({ cookie: 'sid', load: () => ({}), user: () => user })
  expect(inspect(await member(door), { depth: 8, showHidden: true })).not.toContain(value)
})
