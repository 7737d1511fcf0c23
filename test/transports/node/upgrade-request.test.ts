import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  readUpgrade,
  type UpgradeRequest,
  upgradeRules,
} from '../../../src/transports/node/upgrade-request.ts'

// Node's parser refuses some of these by itself, unless a server was told to be lenient or another Node stands before us:
// here they come as it would hand them over

const good = [
  ['Host', 'app.example'],
  ['Connection', 'keep-alive, Upgrade'],
  ['Upgrade', 'WebSocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
] as const
type Header = readonly [name: string, value: string]
interface Changes {
  readonly without?: string
  readonly headers?: readonly Header[]
  readonly method?: string
  readonly url?: string
  readonly httpVersion?: string
  readonly headerBytes?: number
}

function read(changes: Changes = {}): UpgradeRequest {
  const { without, headers = [], method = 'GET', url = '/ws', httpVersion = '1.1', headerBytes } = changes
  const kept = good.filter(([name]) => name !== without)
  const request = Object.assign(new IncomingMessage(new Socket()), { method, url, httpVersion })
  request.rawHeaders = [...kept, ...headers].flat()
  return readUpgrade(request, upgradeRules(headerBytes ?? 16_384, { headers: ['X-Api-Key'] }))
}

/** A change of one header. */
const instead = (name: string, value: string): Changes => ({ without: name, headers: [[name, value]] })
const bearing = (...headers: readonly Header[]): Changes => ({ headers })

test('an upgrade request is read as it came', () => {
  const request = read({
    url: '/ws/caf%C3%A9?a=b&c=%20',
    headers: [
      ['Origin', 'https://app.example'],
      ['Sec-WebSocket-Protocol', ' chat,superchat '],
      ['X-Name', 'caf\xe9'],
      ['sec-websocket-protocol', 'v2'],
    ],
  })
  expect(request).toMatchObject({
    path: '/ws/caf%C3%A9',
    query: 'a=b&c=%20',
    host: 'app.example',
    origin: 'https://app.example',
    key: 'dGhlIHNhbXBsZSBub25jZQ==',
    offered: ['chat', 'superchat', 'v2'],
  })
  expect(request.lines).toContain('caf\xe9')
})

test('a list of subprotocols keeps its empty, malformed entries; an empty line is no list', () => {
  expect(read(bearing(['Sec-WebSocket-Protocol', ', chat'])).offered).toEqual(['', 'chat'])
  expect(read(bearing(['Sec-WebSocket-Protocol', ' '])).offered).toEqual([])
})

describe('an upgrade request is refused', () => {
  test.each<[string, Changes]>([
    ['no key', { without: 'Sec-WebSocket-Key' }],
    ['a short key', instead('Sec-WebSocket-Key', 'c2hvcnQ=')],
    ['no host', { without: 'Host' }],
    ['a host with a user', instead('Host', 'a@b')],
    ['a host that is none', instead('Host', '1.2.3.999')],
    ['two hosts', bearing(['host', 'app.example'])],
    ['two API keys', bearing(['x-api-key', 'a'], ['X-API-Key', 'b'])],
    ['another method', { method: 'POST' }],
    ['an older HTTP', { httpVersion: '1.0' }],
    ['a chunked body', bearing(['Transfer-Encoding', 'chunked'])],
    ['a body', bearing(['Content-Length', '1'])],
    ['an absolute target', { url: 'http://app.example/ws' }],
    ['a target of two slashes', { url: '//evil.example/ws' }],
    ['a dot segment', { url: '/ws/%2E./admin' }],
    ['a fragment behind its query', { url: '/ws?a=b#c' }],
    ['a space in its query', { url: '/ws?a= b' }],
    ['a subprotocol beyond ASCII', bearing(['Sec-WebSocket-Protocol', 'caf\xe9'])],
    ['an extension beyond ASCII', bearing(['Sec-WebSocket-Extensions', 'caf\xe9'])],
    ['an origin beyond ASCII', bearing(['Origin', 'https://caf\xe9.example'])],
    ['a line end in a header', bearing(['X-Note', 'a\nX-Evil: b'])],
    ['a record separator in a cookie', bearing(['Cookie', 'a=\x1eb'])],
  ])('with 400 for %s', (_what, changes) => {
    expect(() => read(changes)).toThrow(expect.objectContaining({ status: 400, httpOnly: true }))
  })

  test.each<[string, Changes]>([
    ['no Upgrade', { without: 'Upgrade' }],
    ['another protocol', instead('Upgrade', 'h2c')],
    ['no Connection', { without: 'Connection' }],
    ['a Connection that stays as it is', instead('Connection', 'keep-alive, Upgrade-Insecure')],
    ['no version', { without: 'Sec-WebSocket-Version' }],
    ['another version', instead('Sec-WebSocket-Version', '8')],
  ])('with 426 for %s', (_what, changes) => {
    expect(() => read(changes)).toThrow(expect.objectContaining({ status: 426, httpOnly: true }))
  })

  test('with 431 for a byte of headers more than there may be', () => {
    const lines = (note: string): string[] => [...good, ['X-Note', note]].map((line) => line.join(': '))
    const headerBytes = `${lines('abc').join('\r\n')}\r\n`.length
    const note = (value: string): Changes => ({ headers: [['X-Note', value]], headerBytes })
    expect(read(note('abc')).path).toBe('/ws')
    expect(() => read(note('abcd'))).toThrow(expect.objectContaining({ status: 431, httpOnly: true }))
  })

  test('with 431 for more than a hundred header lines', () => {
    const lines = (count: number): Changes => ({
      headers: Array.from({ length: count - good.length }, (_, at) => [`X-${at}`, 'a'] as const),
    })
    expect(read(lines(100)).path).toBe('/ws')
    expect(() => read(lines(101))).toThrow(expect.objectContaining({ status: 431, httpOnly: true }))
  })
})
