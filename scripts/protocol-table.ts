// Prints the tables of PROTOCOL.md from the code: node scripts/protocol-table.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defaultLimits, type Limits } from '../src/core/api/limits.ts'
import { closeCodes, retryAfterClose } from '../src/wire/close.ts'

/** The page whose tables are generated. */
export const protocolPage: string = fileURLToPath(new URL('../PROTOCOL.md', import.meta.url))

const then = {
  stop: 'stop',
  reauthenticate: 'a new credential, once',
  retry: 'come back after a back-off',
} as const

/** What each limit bounds, for people; the compiler asks for all of them. */
const bounds: Readonly<Record<keyof Limits, readonly [what: string, beyond: string]>> = {
  handshakeMs: ['from the first byte of a request to the answer', 'HTTP 408'],
  idleConnectionMs: ['how long a connection may be open before its request begins', 'the connection is cut'],
  handshakesAtOnce: ['handshakes of one address that are worked on at once', 'wait in line'],
  handshakesWaiting: ['handshakes of one address that wait in line', 'HTTP 503'],
  failedHandshakes: ['bad credentials of one address', 'HTTP 429, 4429, for each further credential'],
  connectionsPerIdentity: [
    'open connections of one identity',
    'the oldest is closed with 4409, or the newest is 429',
  ],
  guestConnections: ['open connections of the guests of one network', 'HTTP 429, 4429'],
  orphanedHandlers: [
    'sockets of one identity that have ended while their handlers are at work',
    'HTTP 429, 4429 for a newcomer',
  ],
  guestOrphanedHandlers: ['the same for the guests of one network', 'HTTP 429, 4429 for a newcomer'],
  headerBytes: ['request headers', 'HTTP 431'],
  messageBytes: ['one message from a client', '1009'],
  messageValues: ['values in the JSON of one message', 'dropped with a 400 error'],
  fragments: ['fragments of one message', '1008'],
  pingsPerSecond: ['protocol pings of a client, each second', '1008'],
  rate: ['messages of one socket', 'dropped with a 429 error'],
  identityRate: ['messages of all sockets of one identity', 'dropped with a 429 error'],
  guestRate: ['messages of the guests of one network', 'dropped with a 429 error'],
  byteRate: ['bytes of one socket', 'dropped with a 429 error'],
  identityByteRate: ['bytes of all sockets of one identity', 'dropped with a 429 error'],
  guestByteRate: ['bytes of the guests of one network', 'dropped with a 429 error'],
  validation: [
    'reading and validating the messages of one identity, or of the guests of one network',
    'dropped with a 429 error',
  ],
  rateGraceMs: ['how long a socket may stay over a rate (a guest: over its own rate)', '4429'],
  invalidMessages: ['invalid messages of one identity, or of one guest, within 10 s', '4400'],
  inbox: ['messages that wait for their handler', 'reading pauses'],
  inboxBytes: ['bytes of messages of one socket that wait for their handler', 'reading pauses'],
  waitingBytes: [
    'the same for all sockets of one identity, or of the guests of one network',
    'dropped with a 429 error',
  ],
  outboundBytes: ['bytes that wait for a slow reader', "the message's policy: 4508, drop, or latest"],
  outboundMs: ['how long a handler waits for a slow reader, or a reader may read nothing', '4508'],
  pingMs: ['how often a peer is pinged', ''],
  pongMs: ['how long the peer may then stay silent', '4408'],
  closeMs: ['how long a closing handshake may take', 'the connection is cut'],
  firstMessageBytes: ['a first message that carries a credential', '1009'],
  firstMessageMs: ['how long the first message may take', '4408'],
  presenceGraceMs: ['how long a member that has left counts as present', ''],
  presenceMembers: ['members of a group that clients are told by name', 'clients are told the number'],
}

/**
 * PROTOCOL.md with its tables brought up to date.
 *
 * @throws Error when the page lacks the markers of a table
 */
export function withTables(page: string): string {
  return filled(filled(page, 'close codes', closeCodeTable()), 'limits', limitTable())
}

function filled(page: string, name: string, rows: string): string {
  const [begin, end] = [`<!-- begin: ${name} -->`, `<!-- end: ${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`the page has no ${begin} and ${end}`)
  return `${page.slice(0, from + begin.length)}\n\n${rows}\n\n${page.slice(to)}`
}

function closeCodeTable(): string {
  const rows = closeCodes.map(({ code, name, meaning }) => [code, name, meaning, then[retryAfterClose(code)]])
  return table(['code', 'name', 'meaning', 'the client'], rows)
}

function limitTable(): string {
  const rows = Object.entries(bounds).map(([name, [what, beyond]]) => {
    // the keys of `bounds` are those of the limits
    const key = name as keyof Limits
    return [`\`${name}\``, what, spoken(key, defaultLimits[key]), beyond]
  })
  return table(['limit', 'what it bounds', 'default', 'beyond it'], rows)
}

function spoken(name: keyof Limits, value: Limits[keyof Limits]): string {
  if (value === null) return 'off'
  const said = unitOf(name)
  if (typeof value === 'object')
    return `${said(value.most)} in ${seconds(value.eachMs)}, ${said(value.burst)} in a burst`
  return said(value)
}

function unitOf(name: keyof Limits): (value: number) => string {
  if (name === 'validation') return (value) => `${value} ms`
  if (name.endsWith('Ms')) return seconds
  if (/Bytes$|[bB]yteRate$/.test(name)) return bytes
  return (value) => value.toLocaleString('en')
}

function bytes(value: number): string {
  return value >= 1_048_576 ? `${value / 1_048_576} MiB` : `${value / 1_024} KiB`
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

if (import.meta.main) writeFileSync(protocolPage, withTables(readFileSync(protocolPage, 'utf8')))
