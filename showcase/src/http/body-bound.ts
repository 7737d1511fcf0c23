import type { MiddlewareHandler } from 'hono'
import { deny } from 'sallyport'
import type { Env } from './env.ts'

/**
 * Reads each body whole, up to so many bytes, whether its length was announced or it comes in chunks. What
 * follows has a plain `Request` with the body at hand.
 *
 * @throws Denial 413
 */
export function bodyBound(mostBytes: number): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { method, url, headers, body } = c.req.raw
    if (method === 'GET' || method === 'HEAD' || body === null) return await next()
    if (Number(headers.get('content-length') ?? 0) > mostBytes) tooLarge()
    const bytes = await readBounded(body, mostBytes)
    c.req.raw = new Request(url, { method, headers, ...(bytes.byteLength === 0 ? {} : { body: bytes }) })
    return await next()
  }
}

async function readBounded(
  body: ReadableStream<Uint8Array>,
  mostBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of body) {
    size += part.byteLength
    if (size > mostBytes) tooLarge()
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function tooLarge(): never {
  return deny(413, 'too-large', 'The body is too large.')
}
