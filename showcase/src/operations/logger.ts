import { type DestinationStream, type LogFn, type Logger, pino } from 'pino'
import type { LogLevel } from '../config.ts'

const secretHeaders = [
  'authorization',
  'cookie',
  'set-cookie',
  'sec-websocket-protocol',
  'x-api-key',
  'set-auth-token',
]
const secretFields = [
  'password',
  'newPassword',
  'currentPassword',
  'token',
  'access_token',
  'ticket',
  'secret',
]
// a header or field is found where it is logged, alone or one level down, such as in `req.headers`
const redacted = [...secretHeaders, ...secretFields].flatMap((name) => [
  `["${name}"]`,
  `*["${name}"]`,
  `*.*["${name}"]`,
])

/**
 * The structured log, one JSON object a line. What is logged holds no secrets by construction; redaction is
 * the second line, for objects of libraries.
 *
 * @param destination standard output unless said otherwise
 */
export function logger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    redact: { paths: redacted, censor: '[redacted]' },
    base: null,
    serializers: { err: errorSummary },
    hooks: { logMethod: withFixedMessage },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}

/** pino takes the message of an error for the line's own where none is given: give one. */
function withFixedMessage(this: Logger, inputs: Parameters<LogFn>, method: LogFn): void {
  const [first, message = 'error'] = inputs
  if (first instanceof Error) method.call(this, { err: first }, message)
  else if (typeof first === 'object') method.call(this, first, message)
  else method.apply(this, inputs)
}

/**
 * What is logged of an error: kind, code and where. The messages of databases and validators quote what users
 * typed, so only our own errors, which never do, keep theirs.
 */
export function errorSummary(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 12)
  return { type: error.name, code, stack: frames.map((line) => line.trim()) }
}
