import { expect, test } from 'vitest'
import {
  type Authenticator,
  consumer,
  contract,
  type Identity,
  memory,
  type Server,
  text,
} from '../../src/index.ts'
import { settled } from '../../src/testing/clock.ts'
import { testClock, type TestClock, testServer, visit } from '../../src/testing.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const ada = { id: 'ada' }
const [secondMs, hourMs, dayMs] = [1_000, 3_600_000, 86_400_000]

/** How an identity shows its age: a store has just been asked, or a date says it. */
type Age = 'looked up' | 'dated'

/** A system with one user, whose session was issued when the clock showed `issued`. */
function serverWithSession(age: Age) {
  const clock = testClock()
  const server = testServer({ clock, remember: '10h' })
  let issued = clock.now()
  let gate: Promise<void> | null = null
  const identity = (): Identity<typeof ada> => ({
    user: ada,
    session: 's1',
    ...(age === 'dated' ? { issuedAt: new Date(issued) } : {}),
    renew: async () => identity(),
  })
  const auth: Authenticator<typeof ada> = async () => {
    const found = identity()
    await gate
    return found
  }
  const room = consumer(lines, { auth }, () => ({ message: () => {} }))
  return {
    clock,
    server,
    signIn: () => void (issued = clock.now()),
    visitRoom: () => visit(room, {}, { headers: {}, server }),
    /** Visits while the authenticator takes its time: `answer` lets it say what it has found. */
    async beginVisit() {
      const { promise, resolve: answer } = Promise.withResolvers<void>()
      gate = promise
      const coming = visit(room, {}, { headers: {}, server })
      coming.catch(() => {})
      await settled()
      gate = null
      return { coming, answer }
    },
  }
}

const ban = (server: Server) => server.revoke({ user: 'ada', reason: 'banned' })
const refused = { status: 403, code: 'revoked' }
const steps: readonly (readonly [string, number])[] = [
  ['5 s back', -5 * secondMs],
  ['an hour back', -hourMs],
  ['an hour ahead', hourMs],
  ['nowhere', 0],
]
const ages: readonly Age[] = ['looked up', 'dated']
const cases = steps.flatMap(([step, ms]) => ages.map((age) => [step, age, ms] as const))

// proves: clock-set
test.each(cases)('a clock set %s during a handshake lets no banned user in (%s)', async (_, age, stepMs) => {
  const { clock, server, beginVisit } = serverWithSession(age)
  const { coming, answer } = await beginVisit()
  clock.jump(stepMs)
  await ban(server)
  answer()
  await expect(coming).rejects.toMatchObject(refused)
})

// proves: clock-set
test.each(steps)('a session from before a clock was set %s stays out after a ban', async (_, stepMs) => {
  const { clock, server, visitRoom } = serverWithSession('dated')
  clock.jump(stepMs)
  await ban(server)
  await clock.advance(3 * secondMs)
  await expect(visitRoom()).rejects.toMatchObject(refused)
})

test.each(cases)('a clock set %s after a ban lets the new sign-in in (%s)', async (_, age, stepMs) => {
  const { clock, server, visitRoom, signIn } = serverWithSession(age)
  await ban(server)
  await clock.advance(60 * secondMs)
  clock.jump(stepMs)
  // a clock that was set back shows the time of the ban again: until then no date proves to be later
  await clock.advance(Math.max(0, -stepMs))
  signIn()
  await expect(visitRoom()).resolves.toBeDefined()
})

test('a sign-in in the millisecond of a ban is let in when its store was asked after it', async () => {
  const { server, visitRoom } = serverWithSession('looked up')
  await ban(server)
  await expect(visitRoom()).resolves.toBeDefined()
})

/** The clock is wrong for a moment, in which the server is asked something. */
async function wrongFor(clock: TestClock, ms: number, work: () => Promise<unknown>): Promise<void> {
  clock.jump(ms)
  await work()
  clock.jump(-ms)
}

// proves: clock-set
test('a clock that is 9 days ahead for a moment makes the server forget no revocation', async () => {
  const clock = testClock()
  const server = testServer({ clock })
  const auth: Authenticator<typeof ada> = async () => ({ user: ada, session: 's1', renew: async () => null })
  const room = consumer(lines, { auth }, () => ({ message: () => {} }))
  await server.revoke({ session: 's1', reason: 'signed out' })
  await wrongFor(clock, 9 * dayMs, async () => {
    for (let count = 0; count < 512; count++)
      await server.revoke({ session: `other-${count}`, reason: 'signed out' })
  })
  await expect(visit(room, {}, { headers: {}, server })).rejects.toMatchObject({ status: 401 })
})

test('a session dated 9 days ahead by a wrong clock stays out after a ban', async () => {
  const { clock, server, visitRoom, signIn } = serverWithSession('dated')
  await wrongFor(clock, 9 * dayMs, async () => {
    signIn()
    await visitRoom()
  })
  await ban(server)
  await clock.advance(60 * secondMs)
  await expect(visitRoom()).rejects.toMatchObject(refused)
  signIn()
  await expect(visitRoom()).resolves.toBeDefined()
})

test('a revocation is remembered for as long as was promised, whatever the clock shows', async () => {
  const { clock, server, visitRoom } = serverWithSession('dated')
  await ban(server)
  clock.jump(-dayMs)
  await clock.advance(9 * hourMs)
  await expect(visitRoom()).rejects.toMatchObject(refused)
  await clock.advance(2 * hourMs)
  await expect(visitRoom()).resolves.toBeDefined()
})

test('a token dated after the ban, by an issuer whose clock is ahead, stays out', async () => {
  const clock = testClock()
  const server = testServer({ clock })
  const issuedAt = new Date(clock.now() + 4 * secondMs)
  const auth: Authenticator<typeof ada> = async () => ({ user: ada, token: 't1', issuedAt })
  const room = consumer(lines, { auth }, () => ({ message: () => {} }))
  const visitor = await visit(room, {}, { headers: {}, server })
  await clock.advance(3 * secondMs)
  await ban(server)
  expect((await visitor.closed).code).toBe(4403)
  await clock.advance(5 * secondMs)
  await expect(visit(room, {}, { headers: {}, server })).rejects.toMatchObject({
    status: 401,
    code: 'revoked',
  })
})

test('such a token stays out of every node, also where the ban was given at another one', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  const on = (node: string): Server => testServer({ layer, clock, node })
  const [one, two, three] = [on('one'), on('two'), on('three')]
  const issuedAt = new Date(clock.now() + 4 * secondMs)
  const auth: Authenticator<typeof ada> = async () => ({ user: ada, token: 't1', issuedAt })
  const room = consumer(lines, { auth }, () => ({ message: () => {} }))
  await visit(room, {}, { headers: {}, server: two })
  // what it says has come of the ban includes that the others know
  await ban(one)
  await clock.advance(5 * secondMs)
  for (const server of [one, two, three])
    await expect(visit(room, {}, { headers: {}, server })).rejects.toMatchObject({
      status: 401,
      code: 'revoked',
    })
})
