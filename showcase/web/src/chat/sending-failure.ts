import { Denial, SallyportError } from 'sallyport/client'

/** Why something that was sent over the socket has failed, for people. */
export function sendingFailure(error: unknown): string {
  if (error instanceof Denial) return error.message
  if (!(error instanceof SallyportError)) return 'something went wrong on this page.'
  if (error.code === 'ERR_TIMEOUT') return 'no answer came in time.'
  if (error.code === 'ERR_CLOSED') return 'the connection broke before an answer came.'
  return error.message
}
