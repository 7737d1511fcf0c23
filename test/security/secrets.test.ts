import { inspect } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { z } from 'zod'
import {
  type Application,
  type Clock,
  consumer,
  contract,
  type Layer,
  memory,
  router,
  sallyport,
  systemClock,
} from '../../src/index.ts'
import { testClock } from '../../src/testing.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { Witness } from '../support/marks.ts'
import { frame, goodbye, say } from '../transports/node/raw-client.ts'
import { connectAndSend, upgradeHead } from '../transports/node/upgrade-head.ts'
import { type MarkedCredentials, markedCredentials, markedAuthenticators } from './marked-authenticators.ts'
import { closeAfterTest } from '../support/close-after-test.ts'

// Every carrier and every authenticator, with credentials that can be recognised, and every way in which they can fail; then
// all that left the server is searched: what peers were sent, events, reports, the console, the store, and what applications see.
afterEach(() => void vi.restoreAllMocks())

const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }) },
  server: { said: z.object({ text: z.string() }) },
  grant: z.object({ canWrite: z.boolean() }),
  presence: z.object({}),
  history: { size: 10, for: '5m' },
})
const origin = 'http://127.0.0.1'
/** Beside everything else that a machine does in the meantime. */
const inTime = { timeout: 30_000 }

/** A layer that tells a witness of all that goes into it. */
function overheard(layer: Layer, witness: Witness): Layer {
  const telling = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, name) {
        const method: unknown = Reflect.get(of, name)
        if (typeof method !== 'function') return method
        return (...args: unknown[]): unknown => {
          witness.hear(
            'layer',
            ...args.map((one) => (name === 'publish' && typeof one === 'function' ? one() : one)),
          )
          return method.apply(of, args)
        }
      },
    })
  return { connect: async (node, hooks) => telling(await layer.connect(node, hooks)) }
}

async function serving(witness: Witness, clock: Clock = systemClock) {
  for (const channel of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, channel).mockImplementation((...args) => witness.hear('console', ...args))
  const layer = overheard(memory(), witness)
  const accepted: string[] = []
  const server = sallyport({
    layer,
    clock,
    // every carrier at once, all by one person
    limits: { pingMs: 3_600_000, connectionsPerIdentity: 1_000 },
    carriers: { query: { bearer: 'token', ticket: 'ticket', key: 'key' }, message: true },
    report: (error, doing) =>
      witness.hear('report', error, doing, inspect(error, { depth: null, showHidden: true })),
    on: (event) => {
      if (event.type === 'accepted') accepted.push(event.id)
      witness.hear('event', event)
    },
  })
  closeAfterTest(server)
  const { auth, ticket } = markedAuthenticators(server.store, clock)
  const room = consumer(
    chat,
    { auth, authorize: () => ({ canWrite: true }), presence: () => ({}) },
    (socket) => ({
      open: () => witness.hear('application', { ...socket }, socket.user, socket.params),
      on: {
        say: async ({ text }) => {
          if (text === 'boom') throw new Error('a fault of the handler')
          await socket.group().send('said', { text })
        },
      },
    }),
  )
  const watched: Application = async (handshake) => {
    const { url, path, headers, protocols, origin: from, address } = handshake
    witness.hear('application', handshake, url.href, path, [...headers], protocols, from, address)
    await router([room])(handshake)
  }
  server.serve(watched)
  const { port: number } = await server.listen(0)
  return { server, number, ticket, accepted }
}

interface Attempt {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly frames?: readonly Buffer[]
}

/** Sends a request and frames, hears everything that comes back, and says goodbye when the answer is enough. */
async function heardBack(
  number: number,
  attempt: Attempt,
  witness: Witness,
  enough: (answer: string) => boolean = hasSpoken(attempt),
): Promise<void> {
  const { path = '/ws/chat/lobby', headers = {}, frames = [] } = attempt
  const socket = await connectAndSend(number, upgradeHead(path, headers))
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
    if (enough(answer)) socket.write(goodbye(1000))
  })
  socket.write(Buffer.concat(frames))
  await new Promise((resolve) => socket.once('close', resolve))
  witness.hear('wire', answer)
}

/** Who has sent frames waits for a frame; anyone else for the head alone. */
const hasSpoken =
  ({ frames = [] }: Attempt) =>
  (answer: string): boolean =>
    frames.length === 0 || !answer.endsWith('\r\n\r\n')

/** Every carrier that a bearer credential can ride in. */
function bearerAttempts(token: string): readonly Attempt[] {
  const inSubprotocol = { 'Sec-WebSocket-Protocol': `sallyport.v1, ${carrierProtocol('bearer', token)}` }
  const message = (field: string): readonly Buffer[] => [
    say(JSON.stringify({ [field]: 'auth', token })),
    say('{"type":"say","text":"hi"}'),
  ]
  return [
    { headers: { Authorization: `Bearer ${token}` } },
    { headers: inSubprotocol },
    { headers: { 'Sec-WebSocket-Protocol': `token, ${token}` } },
    { path: `/ws/chat/lobby?token=${encodeURIComponent(token)}&lang=en` },
    { frames: message('type') },
    { frames: message('op'), headers: { 'Sec-WebSocket-Protocol': 'sallyport.v1' } },
  ]
}

function keyAttempts(key: string): readonly Attempt[] {
  return [
    { headers: { 'X-API-Key': key } },
    { headers: { Authorization: `Bearer ${key}` } },
    { path: `/ws/chat/lobby?key=${key}` },
  ]
}

const cookieAttempt = (name: string, cookie: string): Attempt => ({
  headers: { Cookie: `lang=en; ${name}=${cookie}`, Origin: origin },
})

/** The three kinds of peers: a tool, a browser, a client of ours; the faces of a refusal differ. */
function asEachPeer(attempt: Attempt): readonly Attempt[] {
  const { headers = {} } = attempt
  const offered = headers['Sec-WebSocket-Protocol']
  const ours = { ...headers, 'Sec-WebSocket-Protocol': offered === undefined ? 'sallyport.v1' : offered }
  return [attempt, { ...attempt, headers: { ...headers, Origin: origin } }, { ...attempt, headers: ours }]
}

function attemptsOf(
  { bearers, keys, pairs, cookies, signedCookies }: MarkedCredentials,
  state: 'good' | 'bad' | 'away',
): readonly Attempt[] {
  return [
    ...bearers[state].flatMap(bearerAttempts),
    ...keyAttempts(keys[state]),
    { headers: { Authorization: `Basic ${pairs[state]}` } },
  ]
    .flatMap(asEachPeer)
    .concat(
      cookieAttempt('sid', cookies[state]),
      cookieAttempt('connect.sid', encodeURIComponent(signedCookies[state])),
    )
}

/** Requests that are refused before anybody looks at their credentials, or because of how these came. */
function malformed({ bearers, keys, pairs, cookies }: MarkedCredentials): readonly Attempt[] {
  const [token = ''] = bearers.good
  const bearer = { Authorization: `Bearer ${token}` }
  const carried = carrierProtocol('bearer', token)
  const bare = keys.good.replaceAll('_', '-')
  return [
    { headers: { ...bearer, Cookie: `sid=${cookies.good}`, Origin: 'https://evil.example' } },
    { headers: { ...bearer, Host: 'a b' } },
    { headers: { ...bearer, 'Sec-WebSocket-Version': '12' } },
    { headers: { ...bearer, 'X-Long': 'x'.repeat(20_000) } },
    { headers: { ...bearer, 'X-API-Key': keys.good } },
    { headers: bearer, path: '/ws/nowhere' },
    { headers: bearer, path: `/ws/chat/../lobby?token=${token}` },
    { headers: { Authorization: token } },
    { headers: { Authorization: bare } },
    { headers: { Authorization: `${bare} Bearer` } },
    { headers: { Authorization: `Bearer ${token} ${token}` } },
    { headers: { Authorization: `Digest ${keys.good}` } },
    { headers: { Authorization: `Basic ${pairs.good}!` } },
    { headers: { 'Sec-WebSocket-Protocol': token } },
    { headers: { 'Sec-WebSocket-Protocol': carried } },
    { headers: { 'Sec-WebSocket-Protocol': `sallyport.v1, ${carried}, ${carried}` } },
    {
      headers: {
        'Sec-WebSocket-Protocol': `sallyport.v1, ${carried}, ${carrierProtocol('bearer', keys.good)}`,
      },
    },
    { headers: { 'Sec-WebSocket-Protocol': `sallyport.v1, sallyport.bearer.${token}` } },
    { path: `/ws/chat/lobby?token=${token}&token=${token}` },
    { path: `/ws/chat/lobby?access_token=${token}` },
    { path: `/ws/chat/lobby?token=%ff${token}` },
    { headers: { Cookie: `sid=${cookies.good}` } },
    { headers: { Cookie: `sid=${cookies.good}; sid=${cookies.bad}`, Origin: origin } },
    { headers: { Cookie: `sid="${cookies.bad}"`, Origin: origin } },
    { headers: { Cookie: `signed=s:${cookies.bad}.${pairs.bad}`, Origin: origin } },
    { headers: { Cookie: `sessionid=${cookies.bad}:1tXyz1:${pairs.bad}`, Origin: origin } },
    { frames: [say(`{"type":"auth","token":"${token}`)] },
    { frames: [say(token)] },
    { frames: [frame({ opcode: 2, payload: Buffer.from(token) })] },
    { frames: [say(JSON.stringify({ type: 'auth', token: { token } }))] },
    { frames: [say(JSON.stringify({ type: 'auth', token: `${token}${' '.repeat(5_000)}` }))] },
    { frames: [frame({ opcode: 1, payload: Buffer.from(token), masked: false })] },
    { headers: bearer, frames: [say('{"type":"say","text":"boom"}')] },
  ]
}

test('good credentials are met nowhere, in whichever carrier they came', async () => {
  const witness = new Witness()
  const marked = markedCredentials()
  const { number, accepted } = await serving(witness)
  const attempts = attemptsOf(marked, 'good')
  for (const attempt of attempts) await heardBack(number, attempt, witness)
  expect(accepted).toHaveLength(attempts.length)
  expect(witness.findings(marked.secrets)).toEqual([])
})

test.each(['bad', 'away'] as const)('%s credentials are met nowhere, for any refused user', async (state) => {
  const witness = new Witness()
  const marked = markedCredentials()
  const { number, accepted } = await serving(witness)
  const attempts = attemptsOf(marked, state)
  for (const attempt of attempts) await heardBack(number, attempt, witness)
  expect(accepted).toEqual([])
  expect(witness.count('report') > 0).toBe(state === 'away')
  expect(witness.count('event')).toBeGreaterThanOrEqual(attempts.length)
  expect(witness.findings(marked.secrets)).toEqual([])
})

// proves: secrets-out
test('credentials in requests that are malformed, ambiguous or lost on the way are met nowhere', async () => {
  const witness = new Witness()
  const marked = markedCredentials()
  const { number } = await serving(witness)
  for (const attempt of malformed(marked)) await heardBack(number, attempt, witness)
  expect(witness.findings(marked.secrets)).toEqual([])
})

test('a ticket is met nowhere, used well, used twice and used elsewhere', async () => {
  const witness = new Witness()
  const { number, ticket: office, accepted } = await serving(witness)
  const secrets: Record<string, string> = {}
  for (const [name, subject, path] of [
    ['used well', '7', '/ws/chat/lobby'],
    ['for an unknown user', '8', '/ws/chat/lobby'],
    ['while the database is away', 'away', '/ws/chat/lobby'],
    ['elsewhere', '7', '/ws/chat/attic'],
  ] as const)
    for (const carrier of ['subprotocol', 'query'] as const) {
      const { ticket } = await office.mint({ subject, issuedAt: new Date(0), origin, path })
      secrets[`${name}, ${carrier}`] = ticket
      const attempt: Attempt =
        carrier === 'query'
          ? { path: `/ws/chat/lobby?ticket=${ticket}`, headers: { Origin: origin } }
          : {
              headers: {
                'Sec-WebSocket-Protocol': `sallyport.v1, ${carrierProtocol('ticket', ticket)}`,
                Origin: origin,
              },
            }
      for (let time = 0; time < 2; time++) await heardBack(number, attempt, witness)
    }
  expect(accepted).toHaveLength(2)
  expect(witness.count('layer')).toBeGreaterThan(8)
  expect(witness.findings(secrets)).toEqual([])
})

test('the end of a socket, its revocation and the reasons of both hold no credential', async () => {
  const witness = new Witness()
  const marked = markedCredentials()
  const { server, number, accepted } = await serving(witness)
  const attempts = attemptsOf(marked, 'good')
  const visits = attempts.map((attempt) => {
    return heardBack(number, attempt, witness, (answer) => answer.includes('signed out'))
  })
  await expect.poll(() => accepted.length, inTime).toBe(attempts.length)
  witness.hear(
    'receipt',
    await server.recheck({ user: '7' }),
    await server.revoke({ user: '7', reason: 'signed out' }),
  )
  await Promise.all(visits)
  expect(witness.findings(marked.secrets)).toEqual([])
})

test('a new credential on the open connection is met nowhere, whatever comes of it', async () => {
  const witness = new Witness()
  const marked = markedCredentials()
  const clock = testClock(Date.now())
  const { number, accepted } = await serving(witness, clock)
  const { bearers, later, keys } = marked
  const answers = [later, ...bearers.good, ...bearers.bad, ...bearers.away, keys.bad]
  const [first = ''] = bearers.good
  const visits = answers.map((token) => refreshed({ number, first, token }, witness))
  await expect.poll(() => accepted.length, inTime).toBe(answers.length)
  await clock.advance(575_000)
  const outcomes = await Promise.all(visits)
  expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(answers.length - 1)
  expect(witness.findings(marked.secrets)).toEqual([])
})

/** Comes in with one credential, and answers the question for a new one with another. */
async function refreshed(
  { number, first, token }: { readonly number: number; readonly first: string; readonly token: string },
  witness: Witness,
): Promise<'taken' | 'refused'> {
  const head = { Authorization: `Bearer ${first}`, 'Sec-WebSocket-Protocol': 'sallyport.v1' }
  const socket = await connectAndSend(number, upgradeHead('/ws/chat/lobby', head))
  let answer = ''
  let isAsked = false
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
    const nonce = /"op":"ask".*?"nonce":"([^"]+)"/.exec(answer)?.[1]
    if (!isAsked && nonce !== undefined) {
      isAsked = true
      socket.write(say(JSON.stringify({ op: 'auth', nonce, token })))
    }
    if (answer.includes('"op":"auth"')) socket.write(goodbye(1000))
  })
  await new Promise((resolve) => socket.once('close', resolve))
  witness.hear('wire', answer)
  return /"op":"auth".*?"refused"/.test(answer) ? 'refused' : 'taken'
}
