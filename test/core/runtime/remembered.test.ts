import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { assertOrigin, originRules } from '../../../src/core/access/origin.ts'
import { Remembered } from '../../../src/core/runtime/remembered.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { testClock } from '../../../src/testing/clock.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void // what the flag puts there

test('a text is remembered until there are more than so many', () => {
  const remembered = new Remembered(3)
  for (const text of ['a', 'b', 'c', 'c']) remembered.add(text)
  expect(['a', 'b', 'c', 'd'].map((text) => remembered.has(text))).toEqual([true, true, true, false])
  remembered.add('d')
  expect(['a', 'b', 'c', 'd'].map((text) => remembered.has(text))).toEqual([false, false, false, true])
  expect(remembered.size).toBe(1)
})

test('a text that is too long is not remembered, nor is another text taken for it', () => {
  const remembered = new Remembered(3)
  for (const length of [600, 601]) remembered.add('a'.repeat(length))
  expect([599, 600, 601].map((length) => remembered.has('a'.repeat(length)))).toEqual([false, true, false])
  expect(remembered.size).toBe(1)
})

/** A server that allows pages of its own host. */
function sameOrigin() {
  const { signal } = new AbortController()
  const origins = originRules(undefined, undefined)
  const server = { origins, timers: new TimerQueue(testClock()), limits: { handshakeMs: 5_000 } }
  const page = { path: '/', address: '192.0.2.1', signal }
  return {
    origins,
    check: (origin: string | null, host: string) => assertOrigin(server, { ...page, origin }, host),
  }
}

// proves: remembered-hosts
test('a peer that sends ever new hosts and origins costs the memory of a thousand of them', () => {
  const { origins, check } = sameOrigin()
  const label = 'a'.repeat(60)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let peer = 0; peer < 20_000; peer++) {
    const host = `${label}.${label}.${label}.h${peer}.example`
    void check(`https://${host}`, host)
    expect(origins.allowedHosts.size).toBeLessThanOrEqual(1_000)
    expect(origins.sameOrigins.size).toBeLessThanOrEqual(1_000)
  }
  collect()
  // each has some 600 bytes: without a bound it would be 16 MB
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000)
})

// proves: remembered-hosts
test('a host or origin that was refused is refused again, whatever has passed before', () => {
  const { check, origins } = sameOrigin()
  const refused = [
    ['https://evil.example', 'app.example'],
    ['https://app.example', 'evil.example'],
    ['', 'app.example'],
    ['null', 'app.example'],
    ['https://app.example app.example', 'app.example'],
    ['https://app.example app.example', ''],
    ['https://app.example', 'app.example app.example'],
    [null, 'https://app.example app.example'],
    [null, 'not a host'],
  ] as const
  for (let round = 0; round < 3; round++) {
    void check('https://app.example', 'app.example')
    void check(null, 'evil.example')
    for (const [origin, host] of refused) expect(() => check(origin, host), `${origin} ${host}`).toThrow()
  }
  expect([origins.allowedHosts.size, origins.sameOrigins.size]).toEqual([2, 1])
})

test('a peer that goes while a rule is asked is no failure of the rule', async () => {
  const abort = new AbortController()
  const origins = originRules(() => new Promise<boolean>(() => {}), undefined)
  const server = { origins, timers: new TimerQueue(testClock()), limits: { handshakeMs: 5_000 } }
  const page = { path: '/', address: '192.0.2.1', signal: abort.signal, origin: 'https://app.example' }
  const checking = assertOrigin(server, page, 'app.example')
  const gone = new Error('the peer has gone')
  abort.abort(gone)
  await expect(checking).rejects.toBe(gone)
})

// proves: remembered-hosts
test('the answer of a rule is asked for at each handshake', async () => {
  const { signal } = new AbortController()
  const asked: string[] = []
  const rule = (origin: string) => asked.push(origin) === 1
  const server = {
    origins: originRules(rule, undefined),
    timers: new TimerQueue(testClock()),
    limits: { handshakeMs: 5_000 },
  }
  const page = { path: '/', address: '192.0.2.1', signal, origin: 'https://app.example' }
  await assertOrigin(server, page, 'app.example')
  await expect(assertOrigin(server, page, 'app.example')).rejects.toMatchObject({ status: 403 })
  expect(asked).toEqual(['https://app.example', 'https://app.example'])
})

test('equal texts share the text that was remembered first, and a text too long for it does not', () => {
  const remembered = new Remembered(10)
  expect(remembered.shared('https://app.example')).toBe('https://app.example')
  expect([remembered.shared('https://app.example'), remembered.size]).toEqual(['https://app.example', 1])
  const long = 'x'.repeat(601)
  expect([remembered.shared(long), remembered.size]).toEqual([long, 1])
})
