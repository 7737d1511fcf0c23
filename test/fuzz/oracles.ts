import type { SallyportEvent } from '../../src/index.ts'
import { isHttpToken } from '../../src/wire/carrier.ts'
import { allowedOrigins, type Keys } from './heads.ts'

/** A request as it was sent, and all that came of it. */
export interface RequestOutcome {
  readonly head: string
  readonly said: Buffer
  readonly events: readonly SallyportEvent[]
}

/** What came of a request, in a word. @throws Error when a client was let in without a key, or the answer is not as it must be */
export function outcomeOf(told: RequestOutcome, keys: Keys): string {
  const accepted = told.events.filter((event) => event.type === 'accepted')
  for (const event of accepted) assertEntitled(event, told.head, keys)
  const said = told.said.toString('latin1')
  if (said === '')
    return accepted.length === 0 ? 'no answer: the request does not end' : fail('accepted without an answer')
  const status = assertAnswer(said, told.head, keys)
  if (accepted.length > 0)
    return status === 101 ? `101, in by ${accepted[0]?.subject}` : fail(`accepted, and answered ${status}`)
  return status === 101 ? `101, and closed with ${closeCode(told.said)}` : String(status)
}

function fail(what: string): never {
  throw new Error(what)
}

type Accepted = Extract<SallyportEvent, { readonly type: 'accepted' }>

/** A client inside has sent the key letter for letter, to a host of ours; a cookie counts only beside an origin of ours, and alone. */
function assertEntitled({ subject, origin }: Accepted, head: string, keys: Keys): void {
  if (!/\nhost:[ \t]*(?:app\.example|127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?[ \t]*\r?\n/i.test(head))
    fail('in under another host')
  if (origin !== null && !allowedOrigins.includes(origin)) fail(`in from the origin '${origin}'`)
  if (subject === 'key' && head.includes(keys.key)) return
  if (subject === 'token' && [keys.token, base64url(keys.token)].some((form) => head.includes(form))) return
  if (subject !== 'cookie' || !head.includes(keys.cookie)) return fail(`a stranger is in, as '${subject}'`)
  if (origin === null || !head.includes(origin)) fail('in by a cookie without an origin')
  if (/\n(?:authorization|x-api-key):/i.test(head)) fail('in by a cookie beside an explicit credential')
}

const statuses = [101, 400, 401, 403, 404, 408, 417, 426, 431]

function assertAnswer(said: string, head: string, keys: Keys): number {
  const end = said.indexOf('\r\n\r\n')
  const [first = '', ...lines] = said.slice(0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) [A-Za-z -]+$/.exec(first)?.[1])
  if (end === -1 || !statuses.includes(status)) fail(`answered ${JSON.stringify(first)}`)
  for (const line of lines)
    if (!/^[A-Za-z-]+: [\x20-\x7e]*$/.test(line)) fail(`a malformed header ${JSON.stringify(line)}`)
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  )
  assertProtocol(headers.get('sec-websocket-protocol'), head)
  const length = headers.get('content-length')
  if (status !== 101 && length !== undefined && said.length - end - 4 < Number(length))
    fail('a body that is cut')
  assertSilent(said.replace(/\r\nSec-WebSocket-Protocol: .*\r\n/, '\r\n'), keys)
  return status
}

/** A subprotocol is answered only when it was offered, and never when it carries something. */
function assertProtocol(protocol: string | undefined, head: string): void {
  if (protocol === undefined) return
  const carries = /^sallyport\.(?:bearer|ticket)\./.test(protocol)
  if (carries || !isHttpToken(protocol) || !head.includes(protocol))
    fail(`the subprotocol '${protocol}' was answered`)
}

function assertSilent(said: string, { token, key, cookie }: Keys): void {
  if ([token, key, cookie, base64url(token)].some((secret) => said.includes(secret)))
    fail('a key was said back')
}

function closeCode(said: Buffer): number {
  // the close frame is the last one: its payload is a code and a reason of less than 126 bytes
  const at = said.lastIndexOf(0x88)
  return said.length < at + 4 ? Number.NaN : said.readUInt16BE(at + 2)
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
