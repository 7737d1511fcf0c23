import { aRefusalStatus, Denial } from '../wire/errors.ts'
import type { Refusal } from '../wire/frame.ts'

/** The refusal in a frame; what the server left out gets the plainest value. */
export function refusalOf(fields: Readonly<Record<string, unknown>>): Refusal {
  const { status, code, message, ref, retryAfterMs } = fields
  return {
    status: isRefusal(status) ? status : 500,
    code: typeof code === 'string' && code ? code : 'refused',
    message: typeof message === 'string' ? message : 'the server refused',
    ...(typeof ref === 'string' ? { ref } : {}),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
  }
}

/** The refusal of a close code without a frame: 4000 + status, or 1008 or 4003; otherwise `null`. */
export function refusalOfClose(code: number, reason: string): Refusal | null {
  const status = code === 4003 || code === 1008 ? 403 : code - 4000
  if (!isRefusal(status)) return null
  // the server writes `<short word>: <message for people>`
  const [, word = 'refused', message = reason] = /^([a-z][a-z0-9-]*)(?:: (.*))?$/s.exec(reason) ?? []
  return { status, code: word, message }
}

function isRefusal(status: unknown): status is number {
  return aRefusalStatus.is(status)
}

/** The error that `send` and `call` reject with. */
export function denialOf({ status, code, message, retryAfterMs }: Refusal): Denial {
  return new Denial(status, code, message, retryAfterMs === undefined ? {} : { retryAfterMs })
}
