import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { basic } from '../../src/auth/basic.ts'
import { hub } from '../../src/core/application.ts'
import { anyOf, consumer, contract, type Options, type Port, sallyport, text } from '../../src/index.ts'
import { testClock, testPort, visit } from '../../src/testing.ts'
import { ada, byName } from '../core/rooms.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const limits = { failedHandshakes: { most: 1, eachMs: 1_000, burst: 3 } }

function house(options: Options = {}) {
  const clock = testClock()
  const checked: string[] = []
  const check = (user: string, password: string) => {
    checked.push(password)
    return user === 'ada' && password === 'right' ? ada : null
  }
  const devices = consumer(lines, { auth: anyOf(basic({ realm: 'devices', check }), byName) }, () => ({
    message: () => {},
  }))
  const port = testPort({ clock, limits, ...options })
  const knock = (password: string, address = '192.0.2.1') =>
    visit(devices, {}, { headers: { authorization: `Basic ${btoa(`ada:${password}`)}` }, address, port })
  const come = (headers: Record<string, string>) =>
    visit(devices, {}, { headers, address: '192.0.2.1', port })
  return { clock, checked, port, knock, come }
}

test('a network that guesses is answered 429 before anything is looked up, and told when one more may be tried', async () => {
  const { clock, checked, knock } = house()
  for (const guess of ['one', 'two', 'three'])
    await expect(knock(guess)).rejects.toMatchObject({ status: 401 })
  await expect(knock('right')).rejects.toMatchObject({
    status: 429,
    code: 'too-many-failures',
    closeCode: 4429,
    http: { headers: { 'Retry-After': '1' } },
  })
  expect(checked).toEqual(['one', 'two', 'three'])
  await clock.advance(1_000)
  await knock('right')
})

test('the next guess costs a second, so that ten minutes of guessing are six hundred guesses', async () => {
  const { clock, checked, knock } = house()
  for (let tenth = 0; tenth < 6_000; tenth++) {
    await knock(String(tenth)).catch(() => {})
    if (tenth % 10 === 9) await clock.advance(1_000)
  }
  expect(checked.length).toBeLessThanOrEqual(603)
})

test('people behind the same address who bring no such credential come in as ever', async () => {
  const { knock, come } = house()
  for (let count = 0; count < 10; count++) await knock('wrong').catch(() => {})
  await come({ cookie: 'who=Ada', origin: 'http://localhost', host: 'localhost' })
})

test('neither having no credential nor a stale cookie is a guess', async () => {
  const { knock, come } = house()
  for (let count = 0; count < 10; count++) {
    await expect(come({})).rejects.toMatchObject({ status: 401 })
    await expect(
      come({ cookie: 'who=Nobody', origin: 'http://localhost', host: 'localhost' }),
    ).rejects.toMatchObject({
      status: 401,
    })
  }
  await knock('right')
})

test('IPv6 is counted by network, however its addresses are written, and IPv4 as itself', async () => {
  const { knock, port } = house()
  for (const address of ['2001:db8::1', '2001:DB8:0:0:ffff::9', '2001:0db8::2%eth0', '2001:db8::3'])
    await knock('wrong', address).catch(() => {})
  await expect(knock('right', '2001:db8::4')).rejects.toMatchObject({ status: 429 })
  await knock('right', '2001:db8:0:1::1')
  for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '::FFFF:C000:209'])
    await knock('wrong', address).catch(() => {})
  await expect(knock('right', '192.0.2.9')).rejects.toMatchObject({ status: 429 })
  expect(port[hub].failures.size).toBe(2)
})

test('it may be switched off', async () => {
  const { knock } = house({ limits: { failedHandshakes: null } })
  for (let count = 0; count < 200; count++)
    await expect(knock('wrong')).rejects.toMatchObject({ status: 401 })
})

const ports: Port[] = []
afterEach(() => Promise.all(ports.splice(0).map((port) => port.close({ drain: 0 }))))

test('first messages are counted like any other credential', async () => {
  const port = sallyport({ carriers: { message: true }, limits, on: () => {} })
  ports.push(port)
  let asked = 0
  const member = consumer(
    lines,
    {
      auth: async ({ credentials }) => {
        if (credentials.of('bearer') === null) return null
        asked++
        return null
      },
    },
    () => ({ message: () => {} }),
  )
  port.serve(member)
  const { port: number } = await port.listen(0)
  const codes: unknown[] = []
  for (let count = 0; count < 5; count++) {
    const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`)
    await once(ws, 'open')
    ws.send('{"type":"auth","token":"guess"}')
    const [code] = await once(ws, 'close')
    codes.push(code)
  }
  expect(codes).toEqual([4401, 4401, 4401, 4429, 4429])
  expect(asked).toBe(3)
})
