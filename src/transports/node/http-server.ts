import { newId } from '../../core/new-id.ts'
import { createServer, type Server } from 'node:http'
import type { Limits } from '../../core/limits.ts'
import { httpFace } from '../../core/refusal.ts'
import { Denial } from '../../wire/errors.ts'
import { connectionHeader } from './answer.ts'

/**
 * An HTTP server that speaks nothing but WebSocket: any other request is told to upgrade, and slow ones are
 * cut.
 */
export function webSocketServer({ headerBytes, handshakeMs }: Limits): Server {
  return createServer(
    {
      maxHeaderSize: headerBytes,
      headersTimeout: handshakeMs,
      requestTimeout: handshakeMs,
      // Node looks only every 30 s unless told otherwise
      connectionsCheckingInterval: Math.min(500, handshakeMs),
    },
    (_request, response) => {
      const denial = new Denial(426, 'upgrade-required', 'this address speaks WebSocket')
      const { status, headers, body } = httpFace(denial, newId())
      response.writeHead(status, { ...headers, ...connectionHeader(headers) }).end(body)
    },
  )
}

/** Listens. @throws what node:net throws, such as EADDRINUSE */
export function listening(
  server: Server,
  port: number,
  host: string,
): Promise<{ readonly port: number; readonly host: string }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, backlog: 4_096 }, () => {
      server.off('error', reject)
      const address = server.address()
      // a TCP server that listens has an address with a port
      resolve({ port: typeof address === 'object' && address !== null ? address.port : port, host })
    })
  })
}
