import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Config, ConfigurationError } from '../config.ts'

/** The listening server, which answers 503 until {@link HttpListener.open}. */
export interface HttpListener {
  readonly server: Server
  /** The origin under which browsers reach it. */
  readonly url: URL
  /** Lets requests in. */
  open(listener: RequestListener): void
  /** Takes no new connections, waits for open requests, and cuts what is left after so long. */
  close(withinMs: number): Promise<void>
}

/**
 * Listens before anything else is done: the port is known (it is part of the origin when none is configured),
 * and a second server on it fails before it touches the database.
 *
 * @throws ConfigurationError when the address cannot be listened on
 */
export async function listen({ host, port, baseUrl }: Config): Promise<HttpListener> {
  let current: RequestListener = starting
  const times = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 }
  const server = createServer(times, (request, response) => current(request, response))
  await bind(server, host, port)
  // a server that is bound to a port has an address with one
  const address = server.address() as AddressInfo
  return {
    server,
    url: baseUrl ?? new URL(`http://localhost:${address.port}`),
    open: (listener) => void (current = listener),
    close: (withinMs) => closeServer(server, withinMs),
  }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        new ConfigurationError(
          `Cannot listen on HOST ${host}, PORT ${port}: stop what listens there, or choose another PORT.`,
          { cause },
        ),
      )
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

function closeServer(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), withinMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}

const starting: RequestListener = (_, response) => {
  response
    .writeHead(503, { 'retry-after': '1', 'content-type': 'text/plain; charset=utf-8' })
    .end('starting\n')
}
