import { z } from 'zod'

/** An answer that is no success, with what the server says of it to people. */
export class Problem extends Error {
  override readonly name = 'Problem'
  /** The HTTP status; 0 when the server could not be reached. */
  readonly status: number
  /** The server's short word for programs, such as `no-such-room`. */
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** What to send; a body is sent as JSON. */
export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** Our own refusals say `detail` (RFC 9457), those of better-auth `message`. */
const refusal = z.object({
  code: z.string().optional(),
  detail: z.string().optional(),
  message: z.string().optional(),
})

/**
 * Asks our own server, with the cookie of the page.
 *
 * @throws Problem for every answer that is no success, and when there is none
 */
export async function request<S extends z.ZodType>(
  path: string,
  answer: S,
  options: RequestOptions = {},
): Promise<z.output<S>> {
  const response = await send(path, options)
  const body = await bodyOf(response)
  if (!response.ok) throw problemOf(response, body)
  const checked = answer.safeParse(body)
  if (checked.success) return checked.data
  throw new Problem(
    response.status,
    'unexpected-answer',
    'The server gave an answer that this page does not know.',
  )
}

async function send(path: string, { method = 'GET', body, signal }: RequestOptions): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      credentials: 'same-origin',
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  } catch (error) {
    if (signal?.aborted === true) throw error
    throw new Problem(0, 'unreachable', 'The server cannot be reached: try again in a moment.')
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  return await response.json().catch(() => null)
}

function problemOf({ status, headers }: Response, body: unknown): Problem {
  const { code = 'refused', detail, message } = refusal.safeParse(body).data ?? {}
  const text = detail ?? message ?? `The server answered ${status}.`
  const seconds = Number(headers.get('retry-after'))
  return new Problem(status, code, seconds > 1 ? `${text} Wait ${seconds} seconds.` : text)
}

/** What to show of an error; only a {@link Problem} has words for people. */
export function errorMessage(error: unknown): string {
  return error instanceof Problem ? error.message : 'Something went wrong on this page.'
}
