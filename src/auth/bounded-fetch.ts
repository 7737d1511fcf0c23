import type { Clock } from '../wire/clock.ts'

/** A response with another status than 200: the server is there, but did not answer the request. */
export class UnexpectedStatus extends TypeError {
  override readonly name = 'UnexpectedStatus'
  readonly status: number

  constructor(who: string, status: number) {
    super(`${who} answered ${status}`)
    this.status = status
  }
}

/** The bounds of a request to another server. */
export interface FetchBounds {
  /** The name of the server in errors, such as `the key server`. */
  readonly who: string
  readonly maxBytes: number
  /** From the first byte sent to the last one read. */
  readonly timeoutMs: number
  /** How many redirects are followed, on the same origin alone. */
  readonly redirects: number
  readonly clock: Clock
  readonly fetch: typeof fetch
}

/**
 * The body of a response with status 200, bounded in time and size.
 *
 * @throws TypeError when there is none; this says nothing about the token or user in question
 */
export async function boundedFetch(url: URL, init: RequestInit, bounds: FetchBounds): Promise<string> {
  const { clock, timeoutMs } = bounds
  const abort = new AbortController()
  const late = clock.after(timeoutMs, () => abort.abort(new TypeError(`no answer within ${timeoutMs} ms`)))
  try {
    const response = await follow(url, { ...init, redirect: 'manual', signal: abort.signal }, bounds)
    return await boundedText(response, bounds)
  } finally {
    late.cancel()
  }
}

async function follow(start: URL, init: RequestInit, bounds: FetchBounds): Promise<Response> {
  let url = start
  for (let hops = 0; hops <= bounds.redirects; hops++) {
    const response = await bounds.fetch(url, init)
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
    if (location === null) return response
    await response.body?.cancel()
    url = new URL(location, url)
    if (url.origin !== start.origin) throw new TypeError(`${bounds.who} redirects to another origin`)
  }
  throw new TypeError(`${bounds.who} redirects too often`)
}

async function boundedText(response: Response, { who, maxBytes }: FetchBounds): Promise<string> {
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new UnexpectedStatus(who, response.status)
  }
  const bytes = await boundedBytes(response.body, maxBytes)
  if (bytes === null) throw new TypeError(`what ${who} answers is larger than ${maxBytes} bytes`)
  return bytes.toString('utf8')
}

/** The whole body, or `null` when it is larger than that; then the rest of it is not read. */
export async function boundedBytes(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > maxBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
