import { expect, test } from 'vitest'
import { auditEvent } from '../../../showcase/src/audit/event.ts'
import { type AuditEntry, auditLog } from '../../../showcase/src/audit/log.ts'
import { auditWriter } from '../../../showcase/src/audit/writer.ts'
import { readConfig } from '../../../showcase/src/config.ts'
import { chat } from '../../../showcase/src/chat/contract.ts'
import { audit } from '../../../showcase/src/audit/contract.ts'
import { type Database, openDatabase } from '../../../showcase/src/database/database.ts'
import { migrate } from '../../../showcase/src/database/migrations.ts'
import { onBothDatabases } from '../support/databases.ts'
import { pageClient, until } from '../support/page-client.ts'
import { requestToken, type Browser, signInDemoUser, rawRequest, signUp, start } from '../support/running.ts'
import { connect } from '../support/sockets.ts'

interface Page {
  readonly entries: readonly AuditEntry[]
  readonly before: string | null
  readonly types: readonly string[]
}

onBothDatabases('the audit', (fresh) => {
  test('keeps who came in, who was refused and why, and who did what to whom', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
    const lobby = pageClient(running, bob).open(chat, { room: 'lobby' })
    await until(lobby, ({ state }) => state === 'open')
    const refused = pageClient(running, bob).open(chat, { room: 'engineering' })
    await until(refused, ({ state }) => state === 'denied')
    await ada.post(`/api/admin/people/${bob.id}/ban`, { reason: 'spam' })
    await until(lobby, ({ state }) => state === 'denied')
    await running.app.audit.writer.flush()

    const { entries, types } = await read(ada)
    expect(types).toEqual(expect.arrayContaining(['accepted', 'admin-banned', 'denied', 'left']))
    const of = (type: string) => entries.find((entry) => entry.type === type)
    expect(of('accepted')).toMatchObject({
      subject: bob.id,
      name: 'BOB',
      username: 'bob',
      contract: '/ws/chat/:room',
      detail: { path: '/ws/chat/lobby', origin: running.url },
    })
    expect(of('denied')).toMatchObject({ status: 403, ref: refused.denial?.ref })
    expect(of('denied')?.detail).not.toHaveProperty('path')
    expect(of('left')).toMatchObject({ subject: bob.id, code: 'revoked', status: 4403 })
    expect(of('admin-banned')).toMatchObject({
      subject: bob.id,
      detail: { byName: 'Ada Lovelace', reason: 'spam', closed: 1, changed: 0, dropped: 0 },
    })
    expect(entries.map(({ id }) => id)).toEqual(
      entries
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    )
  })

  test('is read by type, by person, by time, and page by page', async () => {
    const running = await start({ DATABASE_URL: await fresh() })
    const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob_1')]
    const { writer } = running.app.audit
    for (let i = 0; i < 60; i++)
      writer.record(event(i % 2 === 0 ? 'expired' : 'limited', { subject: bob.id, i }))
    writer.record(event('limited', { subject: 'robot:7' }))
    await writer.flush()

    expect((await read(ada, { type: 'expired' })).entries).toHaveLength(30)
    expect((await read(ada, { person: 'robot:7' })).entries).toHaveLength(1)
    expect((await read(ada, { person: 'OB_', type: 'limited' })).entries).toHaveLength(30)
    expect((await read(ada, { person: '%' })).entries).toEqual([])
    const first = await read(ada, { person: bob.id })
    expect(first.entries.map(({ detail }) => detail['i'])).toEqual(down(59, 50))
    const second = await read(ada, { person: bob.id, before: first.before ?? '' })
    expect(second.entries.map(({ detail }) => detail['i'])).toEqual(down(9, 10))
    expect(second.before).toBeNull()
    const { at } = first.entries[0] ?? { at: 0 }
    expect((await read(ada, { to: String(at - 60_000) })).entries).toEqual([])
    expect((await read(ada, { from: String(at), person: bob.id })).entries.length).toBeGreaterThan(0)
  })

  test('is swept by age and by number', async () => {
    const database = await prepared(await fresh())
    const entries = auditLog(database)
    let now = 1_000_000_000_000
    const writer = auditWriter(database, { now: () => now })
    for (let day = 0; day < 10; day++) {
      writer.record(event('limited', { day }))
      now += 86_400_000
    }
    await writer.flush()
    await entries.sweep({ days: 5, rows: 100 }, now)
    expect(await days(database)).toEqual([9, 8, 7, 6, 5])
    await entries.sweep({ days: 100, rows: 2 }, now)
    expect(await days(database)).toEqual([9, 8])
    await database.close()
  })
})

test('consoles hear what happens, as it happens, and only administrators have one', async () => {
  const running = await start()
  const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
  const heard: AuditEntry[] = []
  const watching = pageClient(running, ada).open(audit)
  watching.on('happened', ({ entries }) => heard.push(...entries))
  await until(watching, ({ state }) => state === 'open')
  const refused = pageClient(running, bob).open(audit)
  await until(refused, ({ state }) => state === 'denied')
  await expect
    .poll(() => heard.filter(({ type }) => type === 'denied').map(({ status }) => status))
    .toEqual([403])
  await ada.post(`/api/admin/people/${bob.id}/ban`, { reason: 'spam' })
  await expect.poll(() => heard.find(({ type }) => type === 'admin-banned')?.username).toBe('bob')
})

test('a console that is open or was lost when the server stops is no fault', async () => {
  const running = await start()
  const ada = await signInDemoUser(running, 'ada')
  const options = { headers: { cookie: ada.cookie(), origin: running.url } }
  const [open, lost] = [
    await connect(running, '/ws/admin/audit', options),
    await connect(running, '/ws/admin/audit', options),
  ]
  lost.close()
  await running.app.close(100)
  await open.closed
  const faults = running
    .logged()
    .split('\n')
    .filter((line) => /"level":(50|60|"error"|"fatal")/.test(line))
  expect(faults).toEqual([])
})

test('programs on this machine or with the token read it, pages only as an administrator', async () => {
  const running = await start({ METRICS_TOKEN: 'a-token-of-some-length' })
  const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
  const status = async (headers: Record<string, string>) =>
    (await rawRequest(running, '/api/admin/audit', { headers })).status
  const token = { authorization: 'Bearer a-token-of-some-length' }
  expect(await status({})).toBe(200)
  expect(await status({ via: '1.1 proxy' })).toBe(404)
  expect(await status({ via: '1.1 proxy', ...token })).toBe(200)
  expect(await status({ via: '1.1 proxy', authorization: 'Bearer wrong' })).toBe(404)
  expect(await status({ cookie: ada.cookie() })).toBe(200)
  expect(await status({ cookie: bob.cookie() })).toBe(404)
  expect(await status({ origin: running.url })).toBe(404)
  expect(await status({ 'sec-fetch-site': 'cross-site', ...token })).toBe(404)
})

test('metrics are for administrators too', async () => {
  const running = await start()
  const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
  const status = async (page: Browser) =>
    (await rawRequest(running, '/metrics', { headers: { via: '1.1 proxy', cookie: page.cookie() } })).status
  expect([await status(ada), await status(bob)]).toEqual([200, 404])
})

test('a query that does not fit is refused', async () => {
  const running = await start()
  const ada = await signInDemoUser(running, 'ada')
  for (const query of ['from=yesterday', 'before=%27', 'from=-1', 'to=9999999999999999'])
    expect((await ada.get(`/api/admin/audit?${query}`)).status, query).toBe(400)
})

// proves: secrets-in-audit
test('no credential gets into it, whatever a stranger puts where', async () => {
  const running = await start()
  const [ada, bob] = [await signInDemoUser(running, 'ada'), await signUp(running, 'bob')]
  const mark = 'MARKED-CREDENTIAL'
  const answer = await requestToken(running, { username: 'bob', password: bob.password })
  const { access_token: token } = (await answer.json()) as { access_token: string }
  const header = (headers: Record<string, string>, path = '/ws/chat/lobby') =>
    connect(running, path, { headers })
  const good = await header({ authorization: `Bearer ${token}` })
  good.say({ type: 'say', text: `my password is ${mark}` })
  good.say({ type: mark })
  good.say({ type: 'say', text: '', token: mark })
  await good.next('error')
  for (const [headers, path] of [
    [{ authorization: `Bearer ${mark}.${mark}.${mark}` }],
    [{ authorization: `Basic ${mark}` }],
    [{ cookie: `sallyport.session_token=${mark}`, origin: running.url }],
    [{ cookie: bob.cookie(), origin: running.url }, `/ws/chat/lobby?token=${mark}&access_token=${token}`],
    [{ cookie: bob.cookie(), origin: running.url }, `/ws/chat/${mark}`],
    [{ cookie: bob.cookie(), origin: running.url }, `/${mark}`],
    [{ 'x-api-key': mark }],
  ] as const)
    await header(headers, path)
  await connect(running, '/ws/chat/lobby', { protocols: ['chat', `sallyport.bearer.${mark}`] })
  await connect(running, '/ws/chat/lobby', { protocols: ['chat', `sallyport.ticket.${mark}`] })
  await ada.post(`/api/admin/people/${bob.id}/ban`, { reason: 'spam' })
  await good.closed
  await running.app.audit.writer.flush()

  const rows = await running.app.database.query.selectFrom('audit').selectAll().execute()
  const kept = JSON.stringify(rows)
  expect(rows.length).toBeGreaterThan(10)
  const secrets = [mark, token, bob.password, decodeURIComponent(bob.cookie().split('=')[1] ?? '?')]
  for (const secret of secrets) expect(kept).not.toContain(secret)
})

test('an event is kept with what every event has in columns, and the rest bounded', () => {
  const kept = auditEvent(
    event('downgraded', {
      id: 'ref-1',
      subject: 'user:7',
      contract: '/ws/notes/:id',
      path: '/ws/notes/7',
      code: 'read-only',
      before: 'x'.repeat(1_000),
      dropped: ['/ws/chat/a', '/ws/chat/b'],
      nested: { deep: { er: 1 } },
      ms: 12.345,
      password: 'hush',
      note: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl said so',
      nul: 'a\0b\ud800',
    }),
  )
  expect(kept).toEqual({
    type: 'downgraded',
    subject: 'user:7',
    contract: '/ws/notes/:id',
    address: null,
    status: null,
    code: 'read-only',
    ref: 'ref-1',
    detail: {
      path: '/ws/notes/7',
      before: `${'x'.repeat(300)}…`,
      dropped: ['/ws/chat/a', '/ws/chat/b'],
      ms: 12.3,
      note: '[redacted] said so',
      nul: 'ab\ufffd',
    },
  })
})

test('noting never waits and never throws: what is too much is counted, and the count is kept', async () => {
  const database = await prepared('sqlite::memory:')
  const writer = auditWriter(database, { maxWaiting: 10 })
  for (let i = 0; i < 25; i++) writer.record(event('limited', { i }))
  writer.record(event('sent', {}))
  await writer.flush()
  const rows = await database.query.selectFrom('audit').selectAll().orderBy('id').execute()
  expect(rows.map(({ type }) => type)).toEqual([...Array.from({ length: 10 }, () => 'limited'), 'audit-lost'])
  expect(JSON.parse(rows.at(-1)?.detail ?? '')).toEqual({ count: 15 })
  await database.close()
})

test('what one network makes of one type is bounded, and the others are heard', async () => {
  const database = await prepared('sqlite::memory:')
  let now = 0
  const writer = auditWriter(database, { perMinute: 3, now: () => now })
  for (let i = 0; i < 10; i++) writer.record(event('denied', { address: `2001:db8::${i}` }))
  writer.record(event('denied', { address: '192.0.2.1' }))
  writer.record(event('accepted', { address: '2001:db8::1' }))
  now = 60_000
  writer.record(event('accepted', { address: '192.0.2.1' }))
  await writer.flush()
  const rows = await database.query.selectFrom('audit').selectAll().orderBy('id').execute()
  const types = rows.map(({ type }) => type).join(' ')
  expect(types).toBe('denied denied denied denied accepted audit-thinned accepted')
  expect(rows[5]).toMatchObject({ address: '2001:db8:0:0::/64', detail: '{"of":"denied","count":7}' })
  await database.close()
})

test('a database that is away for a moment costs no event, and the failure is told', async () => {
  const database = await prepared('sqlite::memory:')
  await database.query.schema.alterTable('audit').renameTo('away').execute()
  const failures: unknown[] = []
  const writer = auditWriter(database, { onError: (error) => failures.push(error) })
  writer.record(event('limited', { i: 1 }))
  await writer.flush()
  await database.query.schema.alterTable('away').renameTo('audit').execute()
  writer.record(event('limited', { i: 2 }))
  await writer.flush()
  const rows = await database.query.selectFrom('audit').select('detail').orderBy('id').execute()
  expect(rows.map(({ detail }) => detail)).toEqual(['{"i":1}', '{"i":2}'])
  expect(failures.length).toBeGreaterThan(0)
  await database.close()
})

/** An event with fields that the port may tell one day. */
function event(type: string, fields: object): { readonly type: string } {
  return { type, ...fields }
}

async function prepared(address: string): Promise<Database> {
  const database = await openDatabase(readConfig({ DATABASE_URL: address }).database)
  await migrate(database)
  return database
}

async function days({ query }: Database): Promise<readonly number[]> {
  const rows = await query.selectFrom('audit').select('detail').orderBy('id', 'desc').execute()
  return rows.map(({ detail }) => (JSON.parse(detail) as { day: number }).day)
}

function down(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from - index)
}

async function read(admin: Browser, query: Record<string, string> = {}): Promise<Page> {
  const answer = await admin.get(`/api/admin/audit?${new URLSearchParams(query).toString()}`)
  return (await answer.json()) as Page
}
