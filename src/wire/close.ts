import { decodeUtf8 } from './utf8.ts'

/**
 * What a client does after a close: never reconnect, reconnect once with a new credential, or reconnect after
 * a back-off.
 */
export type Retry = 'stop' | 'reauthenticate' | 'retry'

/** One row of the close code table. */
export interface CloseCode {
  /** The code on the wire (RFC 6455 section 7.4). */
  readonly code: number
  /** Its stable short name. */
  readonly name: string
  /** What it means, for people. */
  readonly meaning: string
}

/**
 * Every close code that Sallyport sends, in order. 4000 + HTTP status mirrors a denial.
 * PROTOCOL.md's table is printed from here.
 */
export const closeCodes: readonly CloseCode[] = [
  { code: 1000, name: 'done', meaning: 'The endpoint has finished; nothing is wrong.' },
  { code: 1001, name: 'going-away', meaning: 'The server or the page goes away for good.' },
  { code: 1002, name: 'protocol-error', meaning: 'The peer broke RFC 6455.' },
  { code: 1003, name: 'unsupported-data', meaning: 'Text where the contract takes binary, or the reverse.' },
  { code: 1007, name: 'invalid-payload', meaning: 'A text frame was not UTF-8.' },
  {
    code: 1008,
    name: 'policy',
    meaning: 'Refused; the code that FastAPI uses, for endpoints that choose it.',
  },
  { code: 1009, name: 'too-large', meaning: 'A message was larger than the limit.' },
  { code: 1011, name: 'fault', meaning: 'A handler threw an unexpected error; the server has reported it.' },
  {
    code: 1012,
    name: 'restart',
    meaning: 'The server is being restarted; come back after the delay it named.',
  },
  { code: 1013, name: 'try-later', meaning: 'The server is overloaded; come back later.' },
  {
    code: 4003,
    name: 'stranger',
    meaning: 'Refused; the code of Django consumers, for endpoints that choose it.',
  },
  { code: 4400, name: 'bad-request', meaning: 'Too many invalid messages, or a malformed request.' },
  { code: 4401, name: 'unauthorized', meaning: 'No credential, or one that is not accepted.' },
  { code: 4403, name: 'forbidden', meaning: 'The user is known, but not allowed in here.' },
  { code: 4404, name: 'not-found', meaning: 'No such endpoint, or one that you may not know of.' },
  { code: 4408, name: 'timeout', meaning: 'A message or an answer did not come in time.' },
  {
    code: 4409,
    name: 'conflict',
    meaning: 'Refused because of a conflict, or replaced by a newer connection of yours.',
  },
  {
    code: 4429,
    name: 'too-many',
    meaning: 'Too many messages, bytes, connections or bad credentials.',
  },
  { code: 4503, name: 'unavailable', meaning: 'The server could not find out whether you may come in.' },
  { code: 4508, name: 'too-slow', meaning: 'You read more slowly than the endpoint sends.' },
]

const passing = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014, 4408, 4429])

/**
 * What a client does after a close with this code. It depends on ranges, so that an old client does the right
 * thing with a new code: after 4500 to 4599 and passing troubles it reconnects, after 4401 it asks once for a
 * new credential, after the others it stops.
 *
 * @example retryAfterClose(4403) // 'stop'
 */
export function retryAfterClose(code: number): Retry {
  if (code === 4401) return 'reauthenticate'
  return passing.has(code) || (code >= 4500 && code <= 4599) ? 'retry' : 'stop'
}

/** The longest reason that fits into a close frame, in bytes of UTF-8 (RFC 6455 section 5.5). */
export const maxReasonBytes = 123

/** A close reason cut to 123 bytes of UTF-8 without splitting a character. */
export function closeReason(reason: string): string {
  // a UTF-16 code unit is at most three bytes
  if (3 * reason.length <= maxReasonBytes) return reason
  const bytes = new TextEncoder().encode(reason)
  if (bytes.length <= maxReasonBytes) return reason
  return decodeUtf8(bytes.subarray(0, maxReasonBytes)).replace(/\uFFFD+$/u, '')
}
