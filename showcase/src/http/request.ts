import { randomUUID } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import { deny } from 'sallyport'
import type { ClientAddress } from './client-address.ts'
import type { Env } from './env.ts'
import { isOurHost } from './origins.ts'

/** Gives each request an id and the address of its client. */
export function requestContext(client: ClientAddress): MiddlewareHandler<Env> {
  return async (c, next) => {
    c.set('ref', randomUUID())
    c.set('client', client(peerOf(c), c.req.header('x-forwarded-for') ?? null))
    await next()
  }
}

/**
 * Answers only under names of our own, so that a web page cannot have its name point at this server and read
 * it (DNS rebinding).
 *
 * @throws Denial 421
 */
export function allowedHostsOnly(origins: readonly string[]): MiddlewareHandler<Env> {
  return async (c, next) => {
    if (!isOurHost(c.req.header('host'), origins))
      deny(421, 'unknown-host', 'This server does not answer under that name.')
    await next()
  }
}

/** The address at the other end of the wire. */
export function peerOf(c: Context<Env>): string {
  const address = c.env.incoming.socket.remoteAddress ?? ''
  return address.replace(/^::ffff:/, '')
}
