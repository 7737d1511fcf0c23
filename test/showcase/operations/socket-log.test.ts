import { Writable } from 'node:stream'
import type { SallyportEvent } from 'sallyport'
import { expect, test } from 'vitest'
import { logger } from '../../../showcase/src/operations/logger.ts'
import { metrics } from '../../../showcase/src/operations/metrics.ts'
import { socketLog } from '../../../showcase/src/operations/socket-log.ts'

const place = {
  id: 'ref-1',
  node: 'west',
  at: 1_767_225_600_000,
  path: '/ws/chat/private-plans',
  address: '192.0.2.7',
  origin: 'https://app.example',
  subject: 'ada-7',
  session: '0123456789abcdef',
  contract: '/ws/chat/:room',
}
const refused = { status: 401, code: 'bad-token', detail: 'signature mismatch' }
const ordered = { node: 'west', at: place.at, from: 'east', subject: 'ada-7', closed: 2, dropped: 0 }

/** One of each; the compiler asks for all. */
const examples: { readonly [T in SallyportEvent['type']]: Extract<SallyportEvent, { readonly type: T }> } = {
  accepted: { type: 'accepted', ...place },
  denied: { type: 'denied', ...place, ...refused, message: 'what people are told' },
  left: { type: 'left', ...place, why: 'peer', code: 1000, ms: 12.3 },
  dropped: { type: 'dropped', ...place, why: 'revoked', messages: 3 },
  refreshed: { type: 'refreshed', ...place, expires: null },
  'refresh-refused': { type: 'refresh-refused', ...place, ...refused },
  changed: { type: 'changed', ...place, why: 'recheck', told: true },
  unanswered: { type: 'unanswered', ...place, ...refused, why: 'lease' },
  expired: { type: 'expired', ...place, cause: 'idle' },
  evicted: { type: 'evicted', ...place, by: 'ref-2' },
  revoked: { type: 'revoked', ...ordered, reason: 'banned' },
  kicked: { type: 'kicked', ...ordered, reason: 'be nice', path: place.path },
  rechecked: { type: 'rechecked', ...ordered, changed: 1 },
  limited: { type: 'limited', ...place, limit: 'rate', scope: 'socket' },
  misconfigured: {
    type: 'misconfigured',
    node: 'west',
    at: place.at,
    cause: 'unlisted-proxy',
    detail: 'list it',
  },
  missed: { type: 'missed', node: 'west', at: place.at, contract: '/ws/chat/:room', kept: true },
  'refused-message': { type: 'refused-message', ...place, status: 403, code: 'read-only' },
  sent: { type: 'sent', node: 'west', at: place.at, contract: '/ws/chat/:room', receivers: 3 },
}

function loggedEvents() {
  const lines: string[] = []
  const log = logger(
    'debug',
    new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) }),
  )
  const counts = metrics({ waiting: () => 0, sockets: () => 0 })
  const sink = socketLog(log, counts)
  for (const event of Object.values(examples)) sink(event)
  return { lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>), counts }
}

test('every event is counted, and no label holds a name, a path or an address', async () => {
  const text = await loggedEvents().counts.registry.metrics()
  for (const type of Object.keys(examples))
    expect(text).toContain(`showcase_socket_events_total{type="${type}"} 1`)
  expect(text).toContain('showcase_socket_limits_total{limit="rate",scope="socket"} 1')
  expect(text).toContain('showcase_socket_expiries_total{cause="idle"} 1')
  expect(text).toContain('showcase_socket_grants_changed_total{why="recheck"} 1')
  for (const unbounded of ['ada-7', 'private-plans', '192.0.2.7', 'ref-1', 'app.example', '0123456789abcdef'])
    expect(text).not.toContain(unbounded)
})

test('every event but a sent message has a line, and a refusal has no path in it', () => {
  const { lines } = loggedEvents()
  expect(lines.map(({ msg }) => msg)).toEqual(
    Object.keys(examples).flatMap((type) => (type === 'sent' ? [] : [`socket ${type}`])),
  )
  const [accepted, denied, left] = lines
  expect(accepted).toMatchObject({ ref: 'ref-1', client: '192.0.2.7', user: 'ada-7', path: place.path })
  expect(denied).toMatchObject({ ref: 'ref-1', status: 401, code: 'bad-token', why: 'signature mismatch' })
  expect(JSON.stringify(denied)).not.toContain('private-plans')
  expect(left).toMatchObject({ why: 'peer', code: 1000, ms: 12 })
})
