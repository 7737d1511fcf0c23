import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { readUpgrade, upgradeRules } from '../../../src/transports/node/upgrade-request.ts'
import { Denial } from '../../../src/wire/errors.ts'
import { Random } from '../../fuzz/random.ts'
import { type PlainUpgrade, plainlyRead } from './upgrade-oracle.ts'

type Request = Pick<IncomingMessage, 'rawHeaders' | 'method' | 'httpVersion' | 'url'>

const names = [
  'Host',
  'Origin',
  'Authorization',
  'Proxy-Authorization',
  'Sec-WebSocket-Key',
  'Sec-WebSocket-Version',
  'Sec-WebSocket-Protocol',
  'Sec-WebSocket-Extensions',
  'Upgrade',
  'Connection',
  'Content-Length',
  'Transfer-Encoding',
  'Cookie',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Api-Key',
  'X-Robot',
  'X-Note',
  'Accept',
  'Sec-Fetch-Mode',
  '',
]
const values = [
  '',
  ' ',
  'a',
  'a, b',
  ', a',
  'a,',
  '0',
  '1',
  '13',
  'chunked',
  'websocket',
  'WebSocket',
  'Upgrade',
  'keep-alive, upgrade',
  'keep-alive,\tUPGRADE ,x',
  'Upgrade-Insecure',
  'app.example',
  'app.example:443',
  '[::1]:80',
  '1.2.3.999',
  'a@b',
  'https://app.example',
  'null',
  'dGhlIHNhbXBsZSBub25jZQ==',
  'dGhlIHNhbXBsZSBub25jZR==',
  'Bearer abc',
  'sid=1',
  'caf\xe9',
  'a\nb',
  'a\tb',
  'a\x00',
  'a\x7f',
  '192.0.2.7',
  'x'.repeat(300),
]
const targets = [
  '/',
  '/ws',
  '/ws?a=b',
  '/ws?',
  '/ws?a?b',
  '',
  '//a',
  'http://a/',
  '/a/../b',
  '/a/%2e%2E',
  '/a/.b/..c',
  '/caf%C3%A9?x=%20#',
  '/a b',
  '/a\\b',
  '/ws?a= b',
  '/ws?a=#b',
  '/../a?\x01',
  '*',
]

function cased(name: string, random: Random): string {
  const way = random.below(4)
  return way === 0 ? name.toLowerCase() : way === 1 ? name.toUpperCase() : name
}

function randomRequest(random: Random): Request {
  const lines: [string, string][] = [
    ['Host', 'app.example'],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ]
  for (let changes = random.below(5); changes > 0; changes--) {
    const way = random.below(8)
    const line = lines[random.below(lines.length)]
    if (way === 0) lines.splice(random.below(lines.length), 1)
    else if (way === 1 && line !== undefined) line[1] = random.pick(values)
    else if (way === 2 && line !== undefined)
      lines.push([cased(line[0], random), random.pick([line[1], random.pick(values)])])
    else
      lines.splice(random.below(lines.length + 1), 0, [
        cased(random.pick(names), random),
        random.pick(values),
      ])
  }
  if (random.below(400) === 0)
    for (let more = random.below(110); more > 0; more--) lines.push(['X-Note', 'a'])
  const rawHeaders = lines.flat()
  if (random.below(100) === 0) rawHeaders.pop()
  return {
    rawHeaders,
    url: random.below(3) === 0 ? random.pick(targets) : '/ws',
    method: random.below(40) === 0 ? 'POST' : 'GET',
    httpVersion: random.below(40) === 0 ? '1.0' : '1.1',
  }
}

function outcome(read: () => PlainUpgrade): unknown {
  try {
    const { path, query, host, origin, key, offered, ...rest } = read()
    return { path, query, host, origin, key, offered, ...rest }
  } catch (error) {
    if (error instanceof Denial) return `${error.status} ${error.reason}: ${error.message}`
    throw error
  }
}

test.each([
  ['the usual API key', undefined],
  ['two API keys', ['X-Api-Key', 'X-Robot']],
  ['keys in headers that are read anyway', ['Authorization', 'X-Forwarded-For', 'Sec-WebSocket-Robot']],
])('30,000 random requests with %s are read as by the plain reader', (_, headers) => {
  const random = new Random(20_261_130)
  const rules = upgradeRules(600, headers === undefined ? {} : { headers })
  const keys = (headers ?? ['x-api-key']).map((name) => name.toLowerCase())
  let accepted = 0
  const refusals = new Set<unknown>()
  for (let round = 0; round < 30_000; round++) {
    const request = randomRequest(random)
    const plain = outcome(() => plainlyRead(request, 600, keys))
    // all that is looked at is what stands there
    const read = outcome(() => {
      const upgrade = readUpgrade(request as IncomingMessage, rules)
      const { path, query, host, origin, key, offered } = upgrade
      const { authorization, cookies, forwardedFor, forwardedProto } = upgrade
      const rest = { authorization, cookies, keys: upgrade.keys, forwardedFor, forwardedProto }
      return { path, query, host, origin, key, offered, ...rest }
    })
    expect(read, JSON.stringify(request)).toEqual(plain)
    if (typeof plain === 'string') refusals.add(plain)
    else accepted++
  }
  // the requests are such that both happen, and each refusal
  expect(accepted).toBeGreaterThan(5_000)
  expect(refusals.size).toBeGreaterThan(15)
})
