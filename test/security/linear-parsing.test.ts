import { describe, expect, test } from 'vitest'
import { basicPair, separate } from '../../src/core/access/credentials.ts'
import { assertOrigin, type OriginRules, originRules } from '../../src/core/access/origin.ts'
import { readUpgrade, upgradeRules } from '../../src/transports/node/upgrade-request.ts'
import { TimerQueue } from '../../src/core/runtime/timer-queue.ts'
import { testClock } from '../../src/testing/clock.ts'
import { canonicalAddress, remoteAddressesBehind } from '../../src/transports/node/remote-address.ts'
import { compactToken } from '../../src/auth/compact-token.ts'
import { subprotocols } from '../../src/wire/carrier.ts'
import { parseJson } from '../../src/wire/json.ts'
import { pathTemplate } from '../../src/wire/path.ts'
import { milliseconds } from '../../src/wire/duration.ts'

// A header of 16 KiB must not cost more than the reading of 16 KiB (CVE-2021-32640): an expression that goes back over
// what it has read takes minutes for some of these, and the client has not proved its identity yet.
const size = 16_000
const units = [
  ' ',
  '\t',
  '=',
  '.',
  ',',
  ';',
  ':',
  '/',
  '-',
  '%',
  '%2',
  '%25',
  'a',
  'a.',
  'a,',
  'a=',
  'a ',
  ' a',
  ', ',
  ' ,',
  '; ',
  '"',
  'e30.',
  '1.',
  ':1',
  '[',
  '{"a":',
  '\\u',
]
const hostile = units.flatMap((unit) => {
  const long = unit.repeat(Math.ceil(size / unit.length)).slice(0, size)
  return [
    long,
    `a${long}`,
    `${long}!`,
    `Bearer ${long}\u0001`,
    `sallyport.bearer.${long}`,
    `/${long}`,
    `127.0.0.1${long}`,
  ]
})

const nothing = { authorization: null, cookies: null, keys: [], offered: [], query: '' }
const upgrade = upgradeRules(100_000, {})
const timers = new TimerQueue(testClock())
const peerOf = remoteAddressesBehind(['127.0.0.1'])
const template = pathTemplate('/ws/chat/:room')
const rules = originRules(['https://app.example'], undefined)
// all that they look at is what stands here
const request = (rawHeaders: readonly string[], url = '/'): Parameters<typeof readUpgrade>[0] =>
  ({ rawHeaders, url, method: 'GET', httpVersion: '1.1' }) as unknown as Parameters<typeof readUpgrade>[0]
const socket = { remoteAddress: '127.0.0.1' } as Parameters<typeof peerOf>[0]

/** With a list nothing is waited for: all that costs something is over when it answers. */
function checkOrigin(allowed: OriginRules, host: string, origin: string | null): void {
  const { signal } = new AbortController()
  const page = { origin, path: '/', address: '127.0.0.1', signal }
  void assertOrigin({ origins: allowed, timers, limits: { handshakeMs: 5_000 } }, page, host)
}

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  'an Authorization header': (text) => separate({ ...nothing, authorization: text }, {}),
  'a Cookie header': (text) => separate({ ...nothing, cookies: text }, {}).credentials.cookie('sid'),
  'Basic credentials': (text) => basicPair(text),
  'an API key': (text) => separate({ ...nothing, keys: [text] }, {}),
  'a query': (text) => separate({ ...nothing, query: text }, { query: { bearer: 'token' } }),
  'a list of subprotocols': (text) => subprotocols(text.split(',').map((one) => one.trim())),
  'one subprotocol': (text) => subprotocols([text, 'chat']),
  'a Host header': (text) => checkOrigin(rules, text, null),
  'an Origin header': (text) => checkOrigin(rules, 'app.example', text),
  'the same origin': (text) => checkOrigin(originRules(undefined, undefined), 'app.example', text),
  'an entry of origins': (text) => originRules([text], undefined),
  'an app scheme': (text) => originRules([`${text}://localhost`], undefined),
  'a path': (text) => template.match(text),
  'a request target': (text) => readUpgrade(request(['Host', 'a'], text), upgrade),
  'a Connection header': (text) => readUpgrade(request(['Host', 'a', 'Connection', text]), upgrade),
  'a key': (text) => readUpgrade(request(['Host', 'a', 'Sec-WebSocket-Key', text]), upgrade),
  'a forwarded address': (text) => peerOf(socket, { forwardedFor: text, forwardedProto: text }),
  'an address': (text) => canonicalAddress(text),
  'a token': (text) => [compactToken(text)?.claims, compactToken(`a.${text}.b`)?.claims],
  JSON: (text) => parseJson(text),
  'a duration': (text) => milliseconds(text as '1s'),
}

/** How long the processor worked on it, whatever else the machine did meanwhile. */
function msOf(parse: () => unknown): number {
  const before = process.cpuUsage()
  try {
    parse()
  } catch {
    // to be refused is a good answer
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

describe.each(Object.entries(parsers))('%s', (_, parse) => {
  // proves: slow-header
  test('of 16,000 characters is read in a moment, whatever stands in it', () => {
    const slow = hostile.filter((text) => [1, 2, 3].every(() => msOf(() => parse(text)) > 100))
    expect(slow.map((text) => text.slice(0, 40))).toEqual([])
  })
})
