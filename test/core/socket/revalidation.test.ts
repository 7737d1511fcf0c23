import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  type Authenticator,
  consumer,
  contract,
  Denial,
  deny,
  type Identity,
  type Layer,
  memory,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, type User } from '../support/members.ts'
import { changedLinks } from '../../support/links.ts'

const lines = contract('/ws/lines', { client: text, server: text })

/** A server that keeps what it tells, and an `authorize` whose later answers are given by hand, however long that takes. */
function serverWithPendingAuthorize(
  identity: Partial<Identity<User>> = { token: 't1' },
  layer: Layer = memory(),
) {
  const events: SallyportEvent[] = []
  const faults: unknown[] = []
  const clock = testClock()
  const server = testServer({
    clock,
    layer,
    on: (event) => events.push(event),
    report: (error) => faults.push(error),
  })
  const asked: string[] = []
  const answers: PromiseWithResolvers<boolean>[] = []
  const slow = consumer(
    lines,
    {
      auth: async () => ({ user: ada, ...identity }),
      authorize: ({ why }) => {
        asked.push(why)
        if (why === 'open') return true
        const answer = Promise.withResolvers<boolean>()
        answers.push(answer)
        return answer.promise
      },
    },
    () => ({ message: () => {} }),
  )
  const visitRoom = () => visit(slow, {}, { headers: {}, server })
  const recheck = () => server.recheck({ user: ada.id })
  const eventTypes = () => events.map(({ type }) => type)
  return { clock, server, faults, asked, answers, visitRoom, recheck, eventTypes }
}

test('three rechecks at once ask once, and once more for all that came meanwhile', async () => {
  const { asked, answers, visitRoom, recheck } = serverWithPendingAuthorize()
  await visitRoom()
  const receipts = [recheck(), recheck(), recheck()]
  await settled()
  answers[0]?.resolve(true)
  await settled()
  answers[1]?.resolve(true)
  await Promise.all(receipts)
  expect(asked).toEqual(['open', 'recheck', 'recheck'])
})

test('a socket that the first of two rechecks has closed is not asked about again', async () => {
  const { asked, answers, visitRoom, recheck } = serverWithPendingAuthorize()
  const alice = await visitRoom()
  const receipts = [recheck(), recheck()]
  await settled()
  answers[0]?.resolve(false)
  expect(await Promise.all(receipts)).toMatchObject([{ closed: 1 }, { closed: 1 }])
  expect((await alice.closed).code).toBe(4403)
  expect(asked).toEqual(['open', 'recheck'])
})

test('who leaves while they are asked about does not stand any more, whatever the answer', async () => {
  const { answers, visitRoom, recheck, eventTypes } = serverWithPendingAuthorize()
  const alice = await visitRoom()
  const receipt = recheck()
  await settled()
  alice.leave()
  await alice.closed
  answers[0]?.resolve(true)
  expect(await receipt).toMatchObject({ closed: 1, changed: 0 })
  expect(eventTypes()).toEqual(['accepted', 'left', 'rechecked'])
})

test.each([
  ['a yes', true, 1],
  ['a no', false, 0],
])(
  '%s that was said to whom has left is no answer for the others, who ask again',
  async (_, answer, inside) => {
    const { server, asked, answers, visitRoom, recheck } = serverWithPendingAuthorize()
    const [first] = [await visitRoom(), await visitRoom()]
    const receipt = recheck()
    await settled()
    first.leave()
    await first.closed
    answers[0]?.resolve(!answer)
    await settled()
    answers[1]?.resolve(answer)
    await receipt
    expect(asked).toEqual(['open', 'open', 'recheck', 'recheck'])
    expect(server.connections).toBe(inside)
  },
)

test('a database that is away is asked once for all tabs of a session', async () => {
  const { asked, answers, visitRoom, recheck } = serverWithPendingAuthorize()
  for (let tab = 0; tab < 5; tab++) await visitRoom()
  const receipt = recheck()
  await settled()
  answers[0]?.reject(new Error('database away'))
  await receipt
  expect(asked.filter((why) => why === 'recheck')).toEqual(['recheck'])
})

test('tabs of one token cost one question', async () => {
  const { asked, answers, visitRoom, recheck } = serverWithPendingAuthorize({ token: 't1' })
  for (let tab = 0; tab < 5; tab++) await visitRoom()
  const receipt = recheck()
  await settled()
  answers[0]?.resolve(true)
  await receipt
  expect(asked.filter((why) => why === 'recheck')).toEqual(['recheck'])
})

test.each([
  ['cannot be asked again', false],
  ['can be asked again', true],
])(
  'a grant is never that of another socket, when neither has a session or a token: who %s',
  async (_, can) => {
    const server = testServer()
    const auth: Authenticator<User & { readonly role: string }> = async ({ headers }) => {
      const identity = { user: { ...ada, role: headers.get('x-role') ?? '' } }
      return can ? { ...identity, renew: async () => identity } : identity
    }
    const roles = consumer(
      contract('/ws/roles', { grant: z.string() }),
      { auth, authorize: ({ user, why }) => `${user.role} ${why}` },
      () => ({}),
    )
    const [reader, admin] = [
      await visit(roles, {}, { headers: { 'x-role': 'reader' }, server }),
      await visit(roles, {}, { headers: { 'x-role': 'admin' }, server }),
    ]
    await server.recheck({ user: ada.id })
    await settled()
    expect([reader.grant, admin.grant]).toEqual(['reader recheck', 'admin recheck'])
  },
)

test('without a lease a socket closes when its right cannot be found out', async () => {
  const { faults, answers, visitRoom, recheck } = serverWithPendingAuthorize()
  const alice = await visitRoom()
  const receipt = recheck()
  await settled()
  answers[0]?.reject(new Error('database away'))
  expect(await receipt).toMatchObject({ closed: 1 })
  expect((await alice.closed).code).toBe(4503)
  expect(faults).toEqual([new Error('database away')])
})

test.each([
  ['kept by the server, and the same', 'same', 0],
  ['kept by the server, and another', 'other', 1],
])('a grant that cannot be spelled, %s, is compared all the same', async (_, which, changed) => {
  const server = testServer()
  const one = { size: 1n }
  let grant = one
  const big = consumer(lines, { auth: async () => ({ user: ada }), authorize: () => grant }, () => ({
    message: () => {},
  }))
  await visit(big, {}, { headers: {}, server })
  if (which === 'other') grant = { size: 2n }
  expect(await server.recheck({ user: ada.id })).toMatchObject({ closed: 0, changed })
})

test('who leaves while another place is prepared for them is told of no change', async () => {
  const { promise: layerAnswers, resolve: answer } = Promise.withResolvers<void>()
  let isSlow = false
  const layer = changedLinks(memory(), (link) => ({
    subscribe: async (topic, hear) => {
      if (isSlow) await layerAnswers
      return link.subscribe(topic, hear)
    },
  }))
  const eventTypes: string[] = []
  const server = testServer({ layer, on: ({ type }) => eventTypes.push(type) })
  let rank = 'guest'
  const ranked = consumer(
    contract('/ws/ranked', { grant: z.string(), audiences: ['guest', 'member'] }),
    {
      auth: async () => ({ user: ada }),
      authorize: () => rank,
      audience: ({ grant }) => [grant === 'guest' ? 'guest' : 'member'],
    },
    () => ({ change: () => void eventTypes.push('handler') }),
  )
  const alice = await visit(ranked, {}, { headers: {}, server })
  isSlow = true
  rank = 'member'
  const receipt = server.recheck({ user: ada.id })
  await settled()
  alice.leave()
  await alice.closed
  answer()
  expect(await receipt).toMatchObject({ closed: 1, changed: 0 })
  expect(eventTypes).toEqual(['accepted', 'left', 'rechecked'])
})

/** A token that is renewed on its open connection, where `authorize` may answer otherwise. */
function renewing(judge: () => boolean | Promise<boolean>) {
  const clock = testClock()
  const began = clock.now()
  const eventTypes: string[] = []
  const server = testServer({ clock, on: ({ type }) => eventTypes.push(type), report: () => {} })
  const auth: Authenticator<User> = async ({ credentials }) => {
    const token = credentials.of('bearer')
    if (token === null) return null
    const minutes = { old: 10, new: 20 }[token] ?? deny(401, 'invalid-token')
    return { user: ada, token, expires: new Date(began + minutes * 60_000) }
  }
  const member = consumer(lines, { auth, authorize: ({ why }) => why === 'open' || judge() }, () => ({
    message: () => {},
  }))
  const visitRoom = () =>
    visit(member, {}, { headers: { authorization: 'Bearer old' }, refresh: () => 'new', server })
  return { clock, eventTypes, server, visitRoom }
}

test('while authorize cannot be asked about a new credential, the one in use holds to its end', async () => {
  const { clock, server, visitRoom } = renewing(() => {
    throw new Error('database away')
  })
  const alice = await visitRoom()
  await clock.advance(10 * 60_000 - 1)
  expect(alice.refreshes.map(({ refused }) => refused?.status)).toContain(503)
  expect(server.connections).toBe(1)
  await clock.advance(1)
  expect((await alice.closed).code).toBe(4401)
})

test('who leaves while their new credential is judged has refreshed nothing', async () => {
  const { promise: judged, resolve: judge } = Promise.withResolvers<boolean>()
  const { clock, eventTypes, visitRoom } = renewing(() => judged)
  const alice = await visitRoom()
  await clock.advance(10 * 60_000 - 30_000)
  alice.leave()
  await alice.closed
  judge(true)
  // beyond the end of the new credential, whose user has left
  await clock.advance(30 * 60_000)
  expect(eventTypes).toEqual(['accepted', 'left'])
  expect(alice.refreshes).toEqual([])
})

test('a socket that leaves before its new credential is used has no event after its end', async () => {
  for (let turns = 0; turns < 20; turns++) {
    const { promise: judged, resolve: judge } = Promise.withResolvers<boolean>()
    const { clock, eventTypes, visitRoom } = renewing(() => judged)
    const alice = await visitRoom()
    await clock.advance(10 * 60_000 - 30_000)
    judge(true)
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    alice.leave()
    await clock.advance(30 * 60_000)
    expect(eventTypes.at(-1)).toBe('left')
  }
})

test.each([
  ['without a lease is closed', {}, 4503],
  ['stays to the end of its lease', { lease: '60s' } as const, null],
])('a socket whose authorize never answers %s, and keeps no recheck waiting', async (_, lease, code) => {
  const clock = testClock()
  const faults: unknown[] = []
  const server = testServer({ clock, report: (error) => faults.push(error) })
  const signals: AbortSignal[] = []
  const silent = consumer(
    lines,
    {
      auth: async () => ({ user: ada }),
      ...lease,
      authorize: ({ why, signal }) => {
        if (why === 'open') return true
        signals.push(signal)
        return new Promise<boolean>(() => {})
      },
    },
    () => ({ message: () => {} }),
  )
  const alice = await visit(silent, {}, { headers: {}, server })
  const receipt = server.recheck({ user: ada.id })
  await clock.advance(5_000)
  expect(await receipt).toMatchObject({ closed: code === null ? 0 : 1 })
  expect(faults).toMatchObject([{ message: 'no answer within 5000 ms' }])
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  expect(server.connections).toBe(code === null ? 1 : 0)
  if (code !== null) expect((await alice.closed).code).toBe(code)
})

/** A room whose rechecks are answered by hand, and what its `authorize` was asked. */
function judgedLease() {
  const asked: string[] = []
  const { promise: judged, resolve: judge } = Promise.withResolvers<boolean>()
  const leased = consumer(
    lines,
    {
      auth: async () => ({ user: ada, token: 't1' }),
      lease: '60s',
      authorize: ({ why }) => {
        asked.push(why)
        return why !== 'recheck' || judged
      },
    },
    () => ({ message: () => {} }),
  )
  return { leased, asked, judge }
}

test('a lease that is due during a recheck is asked for after that', async () => {
  const clock = testClock()
  const server = testServer({ clock, limits: { handshakeMs: 600_000 } })
  const { leased, asked, judge } = judgedLease()
  await visit(leased, {}, { headers: {}, server })
  const receipt = server.recheck({ user: ada.id })
  await clock.advance(59_000)
  expect(asked).toEqual(['open', 'recheck'])
  judge(true)
  expect(await receipt).toMatchObject({ closed: 0, changed: 0 })
  await settled()
  expect(asked).toEqual(['open', 'recheck', 'lease'])
})

test('a socket that left while it was asked about is not asked about again at its lease', async () => {
  const clock = testClock()
  const { leased, asked, judge } = judgedLease()
  const server = testServer({ clock })
  const alice = await visit(leased, {}, { headers: {}, server })
  const receipt = server.recheck({ user: ada.id })
  await settled()
  alice.leave()
  await alice.closed
  judge(true)
  await receipt
  await clock.advance(120_000)
  expect(asked).toEqual(['open', 'recheck'])
})

test('however often a socket is rechecked, nothing of it stays with its signal', async () => {
  const server = testServer()
  const signals: AbortSignal[] = []
  const quiet = consumer(contract('/ws/quiet', {}), { auth: async () => ({ user: ada }) }, ({ signal }) => {
    signals.push(signal)
    return {}
  })
  await visit(quiet, {}, { headers: {}, server })
  await server.recheck({ user: ada.id })
  expect(signals.map((signal) => getEventListeners(signal, 'abort').length)).toEqual([0])
})

test.for([
  [undefined, 'revoked: you are no longer signed in'],
  ['signed out everywhere', 'revoked: signed out everywhere'],
] as const)(
  'a recheck with the reason %s tells it to a client whose identity is gone',
  async ([given, told]) => {
    const { visitRoom, server } = serverWithPendingAuthorize({ session: 's1', renew: async () => null })
    const alice = await visitRoom()
    const reason = given === undefined ? {} : { reason: given }
    expect(await server.recheck({ user: ada.id, ...reason })).toMatchObject({ closed: 1 })
    expect(await alice.closed).toEqual({ code: 4401, reason: told })
  },
)

test('a handler may act during a recheck, and not after the recheck has ended its access', async () => {
  const { promise: answer, resolve } = Promise.withResolvers<boolean>()
  const server = testServer()
  const allowed: boolean[] = []
  const room = consumer(
    lines,
    { auth: async () => ({ user: ada }), authorize: ({ why }) => (why === 'open' ? true : answer) },
    (socket) => ({
      message: () => {
        try {
          socket.assertAllowed()
          allowed.push(true)
        } catch {
          allowed.push(false)
        }
      },
    }),
  )
  const alice = await visit(room, {}, { headers: {}, server })
  const receipt = server.recheck({ user: ada.id })
  await settled()
  await alice.send('one')
  await settled()
  expect(allowed).toEqual([true])
  resolve(false)
  expect(await receipt).toMatchObject({ closed: 1 })
})

test('a recheck without a reason keeps the reason of a recheck that waits for its turn', async () => {
  const answers: ((identity: Identity<User> | null) => void)[] = []
  const renew = (): Promise<Identity<User> | null> => new Promise((answer) => answers.push(answer))
  const { visitRoom, server, answers: rights } = serverWithPendingAuthorize({ session: 's1', renew })
  const alice = await visitRoom()
  const receipts = [
    server.recheck({ user: ada.id }),
    server.recheck({ user: ada.id, reason: 'signed out everywhere' }),
    server.recheck({ user: ada.id }),
  ]
  await settled()
  answers[0]?.({ user: ada, session: 's1', renew })
  await settled()
  rights[0]?.resolve(true)
  await settled()
  answers[1]?.(null)
  await Promise.all(receipts)
  expect((await alice.closed).reason).toBe('revoked: signed out everywhere')
})

test('a lease that is due does not take the place of a recheck that waits', async () => {
  const clock = testClock()
  const server = testServer({ clock, limits: { handshakeMs: 600_000 } })
  const asked: string[] = []
  const answers: (() => void)[] = []
  const leased = consumer(
    lines,
    {
      auth: async () => ({ user: ada, token: 't1' }),
      lease: '60s',
      authorize: ({ why }) => {
        asked.push(why)
        return why === 'open' ? true : new Promise<boolean>((answer) => answers.push(() => answer(true)))
      },
    },
    () => ({ message: () => {} }),
  )
  await visit(leased, {}, { headers: {}, server })
  const receipts = [server.recheck({ user: ada.id }), server.recheck({ user: ada.id })]
  await settled()
  // the lease asks between 45 and 54 s
  await clock.advance(55_000)
  answers[0]?.()
  await settled()
  answers[1]?.()
  await Promise.all(receipts)
  expect(asked).toEqual(['open', 'recheck', 'recheck'])
})

test('a renewal that answers a denial in the place of the user ends the socket with it', async () => {
  const { closed, recheck } = await renewedInto(new Denial(403, 'banned', 'you are banned'))
  expect(await recheck()).toMatchObject({ closed: 1 })
  expect(await closed).toMatchObject({ code: 4403, reason: 'banned: you are banned' })
})

/** A socket whose identity has this user at its renewal. */
async function renewedInto(user: unknown) {
  const server = testServer()
  const identity = { user: ada, subject: ada.id, token: 't1' }
  // no type allows an error as the user
  const renew = async () => ({ ...identity, user: user as User })
  const room = consumer(lines, { auth: async () => ({ ...identity, renew }) }, () => ({ message: () => {} }))
  const { closed } = await visit(room, {}, { headers: {}, server })
  return { closed, recheck: () => server.recheck({ user: ada.id }) }
}
