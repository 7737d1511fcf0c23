import { expect, test } from 'vitest'
import { serverContext } from '../../../src/core/server-context.ts'
import { anyone, consumer, contract, type Authenticator, text } from '../../../src/index.ts'
import { testClock, testServer, visit } from '../../../src/testing.ts'
import { ada, byName } from '../support/members.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const away = (): true => {
  throw new Error('the database is away')
}

function textOf(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'no text'
  }
}

function serverWithFaults(what: () => true = away) {
  const clock = testClock()
  const reports: string[] = []
  let denied = 0
  const server = testServer({
    clock,
    report: (error, doing) => reports.push(`${doing}: ${textOf(error)}`),
    on: ({ type }) => void (denied += type === 'denied' ? 1 : 0),
  })
  const asking: Authenticator<null> = async () => (what() ? null : null)
  const endpoints = {
    rule: consumer(lines, { auth: byName, authorize: what }, () => ({ message: () => {} })),
    authenticator: consumer(lines, { auth: asking }, () => ({ message: () => {} })),
    fine: consumer(lines, { auth: anyone }, () => ({ message: () => {} })),
  }
  const visitRepeatedly = async (times: number, kind: keyof typeof endpoints): Promise<void> => {
    for (let count = 0; count < times; count++)
      await visit(endpoints[kind], {}, { headers: { 'x-test-user': ada.name }, server }).catch(() => {})
  }
  return { clock, server, reports, visitRepeatedly, denied: () => denied }
}

// proves: log-flood
test.each(['rule', 'authenticator'] as const)(
  'a %s that fails at 1,000 handshakes is reported once, and once a minute with a count',
  async (kind) => {
    const { clock, server, reports, visitRepeatedly, denied } = serverWithFaults()
    await visitRepeatedly(1_000, kind)
    // each handshake is an event of its own, as before
    expect(denied()).toBe(1_000)
    // it was 1,000
    expect(reports).toHaveLength(1)
    await clock.advance(60_000)
    expect(reports).toHaveLength(2)
    expect(reports[1]).toContain('(999 more within a minute): Error: the database is away')
    await visitRepeatedly(3, kind)
    await clock.advance(60_000)
    expect(reports[2]).toContain('(3 more within a minute)')
    await clock.advance(60_000)
    expect([reports.length, server[serverContext].repeatedFaults.size]).toEqual([3, 0])
    await visitRepeatedly(1, kind)
    expect(reports).toHaveLength(4)
  },
)

test('two causes are told apart, and 1,000 errors whose texts all differ are told of as 33', async () => {
  let count = 0
  const { clock, server, reports, visitRepeatedly } = serverWithFaults(() => {
    throw new Error(`request ${count++}`)
  })
  await visitRepeatedly(1_000, 'rule')
  expect([reports.length, server[serverContext].repeatedFaults.size]).toEqual([33, 33])
  await clock.advance(60_000)
  expect(reports).toHaveLength(34)
  expect(reports.at(-1)).toContain(
    'authorize threw: various errors (967 more within a minute): Error: request 999',
  )
})

test('a fault of one place is reported beside 40 a minute of another whose texts all differ', async () => {
  const { clock, server, reports } = serverWithFaults()
  const { repeatedFaults } = server[serverContext]
  for (let minute = 0; minute < 3; minute++) {
    for (let count = 0; count < 40; count++)
      repeatedFaults.tell(new Error(`no room ${minute}.${count}`), 'authorize threw')
    repeatedFaults.tell(new Error('the database is gone'), 'asking again')
    await clock.advance(60_001)
  }
  // each minute has its own report of it
  expect(reports.filter((report) => report.includes('the database is gone'))).toHaveLength(3)
})

test('an error that is known is counted with its cause, also when there are many causes', () => {
  const { server, reports } = serverWithFaults()
  const { repeatedFaults } = server[serverContext]
  for (let count = 0; count < 32; count++) repeatedFaults.tell(new Error(`${count}`), 'one place')
  repeatedFaults.tell(new Error('0'), 'one place')
  expect([reports.length, repeatedFaults.size]).toEqual([32, 32])
})

test('errors of 1,000 places are told of as 65', () => {
  const { server, reports } = serverWithFaults()
  const { repeatedFaults } = server[serverContext]
  for (let count = 0; count < 1_000; count++) repeatedFaults.tell(new Error(`${count}`), `place ${count}`)
  expect([reports.length, repeatedFaults.size]).toEqual([65, 65])
})

const symbolNamed = Object.assign(new Error('away'), { name: Symbol('away') })
const unreadable = new Proxy(new Error('away'), {
  get: () => {
    throw new Error('no')
  },
})

test.each([
  ['no text', Object.assign(new Error('away'), { message: undefined })],
  ['an object for a text', Object.assign(new Error('away'), { message: { code: 'ECONNREFUSED' } })],
  ['an object without a text for a text', Object.assign(new Error('away'), { message: Object.create(null) })],
  ['a symbol for a name', symbolNamed],
  ['getters that throw', unreadable],
])('an error with %s that a rule throws refuses the handshake, and is reported', async (_, thrown) => {
  const { server, reports, visitRepeatedly, denied } = serverWithFaults(() => {
    throw thrown
  })
  await visitRepeatedly(2, 'rule')
  // the first was an unhandled rejection, which ends a process
  expect([denied(), server[serverContext].repeatedFaults.size]).toEqual([2, 1])
  expect(reports).toHaveLength(1)
})
