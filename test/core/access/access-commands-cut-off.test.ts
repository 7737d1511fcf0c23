import { describe, expect, test } from 'vitest'
import {
  anyOf,
  anyone,
  type Authenticator,
  consumer,
  contract,
  deny,
  type ServerOptions,
  type Server,
  text,
} from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testLayer, testServer, visit } from '../../../src/testing.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const guests = contract('/ws/guests', { client: text, server: text })
/** Two nodes. The second one knows bans by a database, and people by a session that is read again or by a fixed key. */
function twoNodesWithDatabase(whenBlind?: NonNullable<ServerOptions['whenBlind']>) {
  const clock = testClock()
  const layer = testLayer({ clock })
  const database = { banned: new Set<string>(), asked: 0, isAway: false, hangs: false }
  const bySession: Authenticator<string> = async ({ headers }) => {
    const user = headers.get('x-session')
    if (user === null) return null
    const read = async () => {
      if (database.hangs) await new Promise(() => {})
      return { user, subject: user, session: user, renew: read }
    }
    return read()
  }
  const byKey: Authenticator<string> = async ({ headers }) => {
    const user = headers.get('x-key')
    return user === null ? null : { user, subject: user }
  }
  const authorize = (user: string | null) => {
    database.asked++
    if (database.isAway) throw new Error('the database is away')
    return database.banned.has(user ?? '') ? deny(403, 'banned') : true
  }
  const room = consumer(
    lines,
    { auth: anyOf(bySession, byKey), authorize: ({ user }) => authorize(user) },
    () => ({ message: () => {} }),
  )
  const lobby = consumer(guests, { auth: anyone, authorize: () => authorize(null) }, () => ({
    message: () => {},
  }))
  const node = (name: string): Server => {
    const server = testServer({
      layer,
      clock,
      node: name,
      report: () => {},
      ...(whenBlind === undefined ? {} : { whenBlind }),
    })
    closeAfterTest(server)
    return server
  }
  const [here, there] = [node('here'), node('there')]
  const bySessionOf = (user: string) => visit(room, {}, { headers: { 'x-session': user }, server: there })
  const byKeyOf = (user: string) => visit(room, {}, { headers: { 'x-key': user }, server: there })
  const asGuest = () => visit(lobby, {}, { headers: {}, server: there })
  return { clock, layer, database, here, there, bySessionOf, byKeyOf, asGuest }
}

/** How a socket ended, or that it is open. */
async function stateOf(visitor: { readonly closed: Promise<{ readonly code: number }> }): Promise<unknown> {
  let state: unknown = 'open'
  void visitor.closed.then(({ code }) => (state = code))
  await settled()
  return state
}

describe('a node that is cut off from its layer for longer than 30 s', () => {
  // proves: node-cut-off
  test('rechecks its open sockets: a banned user is closed, others stay', async () => {
    const { clock, layer, database, here, there, bySessionOf, asGuest } = twoNodesWithDatabase()
    const [ada, bob, guest] = [await bySessionOf('ada'), await bySessionOf('bob'), await asGuest()]
    layer.cut('there')
    database.banned.add('ada')
    const revoking = here.revoke({ user: 'ada', reason: 'banned' })
    await clock.advance(25_000)
    expect(await Promise.all([ada, bob, guest].map(stateOf))).toEqual(['open', 'open', 'open'])
    await clock.advance(15_000)
    expect(await Promise.all([ada, bob, guest].map(stateOf))).toEqual([4403, 'open', 'open'])
    expect(there.connections).toBe(2)
    expect(await revoking).toMatchObject({ closed: 0, silent: ['there'] })
  })

  // proves: node-cut-off
  test('closes with 4503 a socket whose identity cannot be renewed', async () => {
    const { clock, layer, byKeyOf } = twoNodesWithDatabase()
    const ada = await byKeyOf('ada')
    layer.cut('there')
    await clock.advance(25_000)
    expect(await stateOf(ada)).toBe('open')
    await clock.advance(15_000)
    expect(await stateOf(ada)).toBe(4503)
  })

  // proves: node-cut-off
  test('closes with 4503 a socket that cannot be authorized either', async () => {
    const { clock, layer, database, bySessionOf } = twoNodesWithDatabase()
    const ada = await bySessionOf('ada')
    layer.cut('there')
    database.isAway = true
    await clock.advance(40_000)
    expect(await stateOf(ada)).toBe(4503)
  })

  // proves: node-cut-off
  test('closes 1,000 sockets with hanging questions within 90 s, however few are asked at once', async () => {
    const { clock, layer, database, there, bySessionOf } = twoNodesWithDatabase()
    for (let count = 0; count < 1_000; count++) await bySessionOf(`user-${count}`)
    layer.cut('there')
    database.hangs = true
    await clock.advance(30_000)
    expect(there.connections).toBe(1_000)
    for (let count = 0; count < 50; count++) await clock.advance(1_000)
    // 424 were inside
    expect(there.connections).toBe(0)
  })

  test('closes no socket that was not asked about yet once the layer is back', async () => {
    const { clock, layer, database, there, bySessionOf } = twoNodesWithDatabase()
    for (let count = 0; count < 1_000; count++) await bySessionOf(`user-${count}`)
    layer.cut('there')
    database.hangs = true
    await clock.advance(40_000)
    layer.restore('there')
    for (let count = 0; count < 50; count++) await clock.advance(1_000)
    const asked = there.connections
    expect(asked).toBeGreaterThan(0)
    database.hangs = false
    for (let count = 0; count < 50; count++) await clock.advance(1_000)
    expect(there.connections).toBeGreaterThan(asked - 128)
  })

  // proves: node-cut-off
  test('asks again every 30 s, for a ban that comes later, and no more once the layer is back', async () => {
    const { clock, layer, database, bySessionOf } = twoNodesWithDatabase()
    const [ada, bob] = [await bySessionOf('ada'), await bySessionOf('bob')]
    layer.cut('there')
    await clock.advance(60_000)
    database.banned.add('ada')
    await clock.advance(40_000)
    expect(await Promise.all([ada, bob].map(stateOf))).toEqual([4403, 'open'])
    layer.restore('there')
    await clock.advance(5_000)
    database.asked = 0
    await clock.advance(600_000)
    expect([database.asked, await stateOf(bob)]).toEqual([0, 'open'])
  })

  test('asks no question when the layer is back within 30 s', async () => {
    const { clock, layer, database, byKeyOf } = twoNodesWithDatabase()
    const ada = await byKeyOf('ada')
    database.asked = 0
    layer.cut('there')
    await clock.advance(24_000)
    layer.restore('there')
    await clock.advance(600_000)
    expect([database.asked, await stateOf(ada)]).toEqual([0, 'open'])
  })

  test.each([
    ['close', [4503, 4503, 4503]],
    ['stay', ['open', 'open', 'open']],
  ] as const)("with whenBlind '%s' rechecks nothing, and its sockets are %j", async (whenBlind, states) => {
    const { clock, layer, database, bySessionOf, byKeyOf, asGuest } = twoNodesWithDatabase(whenBlind)
    const people = [await bySessionOf('ada'), await byKeyOf('bob'), await asGuest()]
    database.asked = 0
    layer.cut('there')
    await clock.advance(120_000)
    expect(await Promise.all(people.map(stateOf))).toEqual(states)
    expect(database.asked).toBe(0)
    await expect(bySessionOf('eve')).rejects.toMatchObject({ status: 503 })
  })
})
