import { hash } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { assembleServer, type PortableServer } from './assembly/assemble-server.ts'
import type { ServerOptions } from './assembly/server-options.ts'
import { type AttachOptions, nodeTransport } from './transports/node/index.ts'
import { aString, assertKind, having, type OptionKind, wholeFrom } from './wire/options.ts'

export type { AttachOptions, ServerOptions }

/** A server on Node. */
export interface Server extends PortableServer {
  /**
   * Answers the upgrades of an HTTP server: Express, Fastify, Hono, Koa, anything with a node:http server. What another listener
   * takes is left alone. After `close` it answers 503 there, until another server is attached.
   *
   * @throws TypeError when the HTTP server has another one and one of the two takes every path, or this one is attached or closed
   */
  attach(httpServer: HttpServer | HttpsServer, options?: AttachOptions): void
  /** Listens with an HTTP server of its own; on 127.0.0.1 when no host is given. Port 0 takes any that is free. */
  listen(port: number, host?: string): Promise<{ readonly port: number; readonly host: string }>
}

const anHttpServer: OptionKind = {
  ...having('on', 'off', 'listenerCount'),
  wanted: 'a server of node:http or node:https',
}
const aPortNumber: OptionKind = {
  wanted: 'a whole number from 0 to 65535',
  is: (value) => wholeFrom(0).is(value) && Number(value) <= 65_535,
}

/**
 * Makes a server. It serves nothing until `serve`, and listens to nothing until `attach` or `listen`, so a worker that
 * only publishes makes one too.
 *
 * @throws TypeError when an option is unknown or malformed; `undefined` is no value for one
 * @example
 * const server = sallyport({ origins: ['https://app.example'] })
 * server.serve(router([room, bell]))
 * await server.listen(8000)
 */
export function sallyport(options: ServerOptions = {}): Server {
  const { server, transport } = assembleServer(options, {
    fingerprint: (id) => hash('sha256', id, 'buffer').toString('hex', 0, 8),
    environment: process.env,
    transport: nodeTransport,
  })
  return Object.assign(server, {
    attach(httpServer: HttpServer | HttpsServer, how?: AttachOptions): void {
      assertKind('the argument of attach()', httpServer, anHttpServer)
      transport.attach(httpServer, how)
    },
    async listen(port: number, host = '127.0.0.1'): ReturnType<Server['listen']> {
      assertKind('the port of listen()', port, aPortNumber)
      assertKind('the host of listen()', host, aString)
      return transport.listen(port, host)
    },
  })
}
