import { Denial, deny } from 'sallyport'
import type { z } from 'zod'

/** A refusal as RFC 9457 problem details, with the same short word that the socket's denials carry. */
export function problem(denial: Denial, ref: string): Response {
  const { status, reason, message, retryAfterMs, challenge } = denial
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
  if (retryAfterMs !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  if (challenge !== undefined) headers.set('www-authenticate', challenge)
  return new Response(JSON.stringify({ status, code: reason, detail: message, ref }), { status, headers })
}

/**
 * The value of a request's JSON body, checked.
 *
 * @throws Denial 415 without a JSON content type, 400 for a body that does not fit; what was sent is not
 * repeated
 */
export async function jsonBody<S extends z.ZodType>(request: Request, schema: S): Promise<z.output<S>> {
  assertJson(request.headers)
  const checked = schema.safeParse(await parsed(request))
  return checked.success ? checked.data : deny(400, 'bad-request', issues(checked.error))
}

/**
 * @throws Denial 415: a page of another site can send forms without asking, but no JSON (Fetch,
 * CORS-safelisted types)
 */
export function assertJson(headers: Headers): void {
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') deny(415, 'not-json', 'Send the body as application/json.')
}

async function parsed(request: Request): Promise<unknown> {
  try {
    return await request.json()
  } catch {
    return deny(400, 'bad-request', 'The body is not JSON.')
  }
}

/** Where and why a value does not fit, without the value. */
function issues(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ')
}
