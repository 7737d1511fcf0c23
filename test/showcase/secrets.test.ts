import { inspect } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { carrierProtocol } from '../../src/wire/carrier.ts'
import { mark, Witness } from '../support/marks.ts'
import { frame, goodbye, say } from '../transports/node/raw-client.ts'
import { connectAndSend, upgradeHead } from '../transports/node/upgrade-head.ts'
import { onBothDatabases } from './support/databases.ts'
import {
  requestToken,
  browser,
  type Browser,
  signInDemoUser,
  type Running,
  signUp,
  type TestUser,
  start,
} from './support/running.ts'
import { databaseBytes } from './support/database-bytes.ts'

// A day of the running product, told by its credentials: each holds a text that stands nowhere else, is used well and badly in every
// place that takes one, and is then looked for in the log, the metrics, the console, the answers, the frames and the database.
afterEach(() => vi.restoreAllMocks())

interface Run {
  readonly running: Running
  readonly witness: Witness
  readonly secrets: Record<string, string>
}

async function startRun(databaseUrl: string): Promise<Run> {
  const witness = new Witness()
  for (const channel of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, channel).mockImplementation((...args) =>
      witness.hear('console', ...args, inspect(args, { depth: null, showHidden: true })),
    )
  const secrets = { secret: mark(), 'metrics token': mark(), 'database password': mark() }
  const running = await start({
    DATABASE_URL: databaseUrl.replace('postgres@', `postgres:${secrets['database password']}@`),
    SECRET: secrets.secret,
    METRICS_TOKEN: secrets['metrics token'],
    LOG_LEVEL: 'trace',
    TRUST_PROXY: '127.0.0.1',
  })
  return { running, witness, secrets }
}

/** Takes an answer down, with all its headers, and hands back its text. */
async function noteResponse({ witness }: Run, response: Response): Promise<string> {
  const text = await response.text()
  witness.hear('answer', JSON.stringify([response.status, [...response.headers]]), text)
  return text
}

/** A socket's whole life over the wire: request, frames, goodbye, and everything that the server has said. */
async function visitSocket(
  { running, witness }: Run,
  headers: Record<string, string>,
  target = '/ws/chat/lobby',
  frames: readonly Buffer[] = [],
) {
  const { host, port } = new URL(running.url)
  const socket = await connectAndSend(Number(port), upgradeHead(target, { Host: host, ...headers }))
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
    if (answer.includes('\r\n\r\n')) socket.end(goodbye(1000))
  })
  for (const one of frames) socket.write(one)
  await new Promise((resolve) => socket.once('close', resolve))
  witness.hear('wire', answer)
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
}

/** The half of a signed cookie that only its holder has: the session's token lies in the database, and is worth nothing without it. */
function signatureOf({ cookie }: Browser): string {
  return decodeURIComponent(/\.([^.;]+)/.exec(cookie().split('session_token=')[1] ?? '')?.[1] ?? '')
}

async function accessToken(user: Browser): Promise<string> {
  return ((await (await user.get('/api/auth/token')).json()) as { token: string }).token
}

async function ticketOf(user: Browser): Promise<string> {
  const answer = await user.post('/api/ticket', { path: '/ws/chat/lobby' })
  return ((await answer.json()) as { ticket: string }).ticket
}

/** Every carrier of a socket with what belongs into it. */
function carriers(
  running: Running,
  token: string,
  cookie: string,
): Record<string, [Record<string, string>, string?]> {
  const origin = { Origin: running.url }
  const offered = (...list: string[]) => ({ ...origin, 'Sec-WebSocket-Protocol': list.join(', ') })
  return {
    header: [{ Authorization: `Bearer ${token}` }],
    'header of a browser': [{ ...origin, Authorization: `Bearer ${token}` }],
    subprotocol: [offered('sallyport.v1', carrierProtocol('bearer', token))],
    pair: [offered('token', token)],
    cookie: [{ ...origin, Cookie: cookie }],
    'cookie without an origin': [{ Cookie: cookie }],
    'API key': [{ 'X-API-Key': token }],
    basic: [{ Authorization: `Basic ${Buffer.from(`ada2:${token}`).toString('base64')}` }],
    'no scheme': [{ Authorization: token }],
    'wrong order': [{ Authorization: `${token.replace(/[^A-Za-z0-9-]/g, '-')} Bearer` }],
    query: [origin, `/ws/chat/lobby?token=${encodeURIComponent(token)}`],
    ticket: [offered('sallyport.v1', carrierProtocol('ticket', token))],
    'ticket in the query': [origin, `/ws/chat/lobby?ticket=${encodeURIComponent(token)}`],
    // without dots it is a name like any other
    ...(token.includes('.') ? { 'bare subprotocol': [offered(token)] as const } : {}),
    'bearer and cookie of another site': [
      { Authorization: `Bearer ${token}`, Cookie: cookie, Origin: 'https://evil.example' },
    ],
  }
}

/** The credentials that a user has at a time; all of them are secrets. */
interface UserCredentials {
  readonly token: string
  readonly granted: string
  readonly ticket: string
}

async function credentialsOf({ running, secrets }: Run, user: TestUser): Promise<UserCredentials> {
  const grant = await requestToken(running, { username: user.username, password: user.password })
  const credentials = {
    token: await accessToken(user),
    granted: ((await grant.json()) as { access_token: string }).access_token,
    ticket: await ticketOf(user),
  }
  for (const [name, secret] of Object.entries({
    ...credentials,
    password: user.password,
    cookie: signatureOf(user),
  }))
    secrets[`${name} of ${user.username}`] = secret
  secrets[`signature of ${user.username}`] = credentials.token.split('.')[2] ?? ''
  return credentials
}

/** Everything that a user can do with good credentials; answers how two uses of one ticket went. */
async function useCredentialsWell(
  run: Run,
  user: TestUser,
  credentials: UserCredentials,
): Promise<readonly number[]> {
  const { running } = run
  for (const path of ['/api/rooms', '/api/rooms/lobby', '/api/rooms/lobby/messages', '/nowhere', '/'])
    await noteResponse(run, await user.get(path))
  const authorization = `Bearer ${credentials.granted}`
  await noteResponse(run, await user.get(`/api/rooms?token=${credentials.token}`, { authorization }))
  for (const token of [credentials.token, credentials.granted])
    for (const [headers, target] of Object.values(carriers(running, token, user.cookie())))
      await visitSocket(run, headers, target)
  await visitSocket(run, { Origin: running.url, Cookie: user.cookie() }, '/ws/chat/lobby', [
    say('{"type":"say","text":"hello"}'),
    say(`{"type":"auth","token":"${credentials.token}"}`),
    say(`{"type":"say","text":"${'x'.repeat(3_000)}"`),
    frame({ opcode: 2, payload: Buffer.from(credentials.token) }),
  ])
  const ticket = carrierProtocol('ticket', credentials.ticket)
  const redeem = { Origin: running.url, 'Sec-WebSocket-Protocol': `sallyport.v1, ${ticket}` }
  return [await visitSocket(run, redeem), await visitSocket(run, redeem)]
}

const header = Buffer.from('{"alg":"ES256"}').toString('base64url')

/** Everything that can be got wrong. */
async function misuseCredentials(run: Run, ada: TestUser): Promise<void> {
  const { running, secrets } = run
  const wrong = (secrets['wrong password'] = mark())
  const forged = (secrets['forged token'] = mark())
  const page = browser(running)
  await noteResponse(
    run,
    await page.post('/api/auth/sign-in/username', { username: 'ada2', password: wrong }),
  )
  await noteResponse(
    run,
    await page.post('/api/auth/sign-in/email', { email: 'unknown@example.test', password: wrong }),
  )
  await noteResponse(
    run,
    await page.post('/api/auth/sign-in/username', { username: { wrong }, password: [wrong], extra: wrong }),
  )
  await noteResponse(
    run,
    await page.post('/api/auth/sign-up/email', {
      email: 'ada2@example.test',
      name: 'A',
      username: 'ada2',
      password: wrong,
    }),
  )
  await noteResponse(
    run,
    await page.post('/api/auth/sign-up/email', {
      email: 'bob@example.test',
      name: 'B',
      username: '?',
      password: wrong,
    }),
  )
  await noteResponse(run, await page.post(`/api/auth/sign-in/username?password=${wrong}`, wrong))
  await noteResponse(
    run,
    await fetch(`${running.url}/api/auth/sign-in/username`, {
      method: 'POST',
      body: `{"password":"${wrong}`,
      headers: { 'content-type': 'application/json', origin: running.url },
    }),
  )
  await noteResponse(run, await requestToken(running, { username: 'ada2', password: wrong }))
  await noteResponse(
    run,
    await requestToken(running, { username: 'ada2', password: wrong, grant_type: wrong }),
  )
  await noteResponse(
    run,
    await fetch(`${running.url}/token`, { method: 'POST', body: JSON.stringify({ password: wrong }) }),
  )
  await noteResponse(run, await ada.post('/api/ticket', { path: '/ws/chat/lobby', token: forged }))
  await noteResponse(run, await ada.post('/api/auth/revoke-session', { token: forged }))
  for (const authorization of [
    `Bearer ${forged}`,
    `Bearer ${header}.e30.${forged}`,
    `Basic ${forged}`,
    forged,
  ])
    for (const path of ['/api/rooms', '/metrics', '/api/auth/get-session', `/reset/${forged}`])
      await noteResponse(run, await fetch(`${running.url}${path}`, { headers: { authorization } }))
  const cookie = `${ada.cookie().split('=')[0]}=${forged}.${Buffer.from(forged).toString('base64')}`
  await noteResponse(run, await fetch(`${running.url}/api/rooms`, { headers: { cookie } }))
  for (const token of [forged, `${header}.e30.${forged}`, forged.padEnd(43, 'A')])
    for (const [headers, target] of Object.values(carriers(running, token, cookie)))
      await visitSocket(run, headers, target)
}

/** Everything again while the database has lost what it needs, so that each look-up ends in an error. */
async function withoutTables(
  { running }: Run,
  tables: readonly ('memberships' | 'session')[],
): Promise<void> {
  const { query, kind } = running.app.database
  if (kind === 'sqlite')
    await query.executeQuery({ sql: 'PRAGMA foreign_keys = OFF', parameters: [] } as never)
  for (const table of tables) await query.schema.alterTable(table).renameTo(`lost_${table}`).execute()
}

/** What an owner and an administrator change, and a ban. */
async function changes(run: Run, user: TestUser): Promise<void> {
  const { running, secrets } = run
  // better-auth counts changes of a password for each address, over all servers of a process
  const headers = { 'x-forwarded-for': `192.0.2.${days++}` }
  const [wrong, changed, set] = [mark(), mark(), mark()]
  Object.assign(secrets, { 'wrong change': wrong, 'changed password': changed, 'set password': set })
  const change = (currentPassword: string): Promise<Response> =>
    user.post('/api/auth/change-password', { currentPassword, newPassword: changed }, headers)
  await noteResponse(run, await change(wrong))
  expect((await change(user.password)).status).toBe(200)
  secrets['cookie after the change'] = signatureOf(user)
  for (const [at, { password }] of running.app.demoUsers.entries()) secrets[`demo password ${at}`] = password
  const admin = await signInDemoUser(running, 'ada')
  const body = { userId: user.id, newPassword: set }
  await noteResponse(run, await admin.post('/api/auth/admin/set-user-password', body))
  await noteResponse(run, await admin.post('/api/auth/admin/ban-user', { userId: user.id }))
}
let days = 1

onBothDatabases('a day of marked credentials', (fresh) => {
  // proves: secrets-out
  test('leaves no credential anywhere, however it was used', async () => {
    const databaseUrl = await fresh()
    const run = await startRun(databaseUrl)
    const { running, witness, secrets } = run
    const [ada, bob] = [await signUp(running, 'ada2'), await signUp(running, 'bob')]
    const [one, other] = [await credentialsOf(run, ada), await credentialsOf(run, bob)]
    expect(await useCredentialsWell(run, ada, one)).toEqual([101, 101])
    await misuseCredentials(run, ada)
    await changes(run, ada)
    const metrics = await fetch(`${running.url}/metrics`, {
      headers: { authorization: `Bearer ${secrets['metrics token']}` },
    })
    expect(await noteResponse(run, metrics)).toContain('showcase_socket_handshakes_total')
    witness.hear('database', ...databaseBytes(databaseUrl))
    await withoutTables(run, ['memberships', 'session'])
    await useCredentialsWell(run, bob, other)
    await misuseCredentials(run, bob)
    await running.app.close(0)
    witness.hear('database', ...databaseBytes(databaseUrl))
    witness.hear('log', running.logged())
    const faults = ['socket fault', 'request failed'].map((line) => running.logged().includes(line))
    expect(faults).toEqual([true, true])
    expect(Object.values(secrets).filter((secret) => secret.length < 16)).toEqual([])
    expect(witness.findings(secrets)).toEqual([])
  })
})
