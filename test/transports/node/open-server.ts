import { afterEach } from 'vitest'
import type { Connection } from '../../../src/core/api/connection.ts'
import { type Handshake, type ServerOptions, type Server, sallyport } from '../../../src/index.ts'
import type { Payload } from '../../../src/wire/body.ts'
import { cutRawClients } from './raw-client.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

/** A handshake that was accepted, as the transport brings it. */
export interface AcceptedHandshake {
  readonly handshake: Handshake
  readonly connection: Connection
  readonly got: Payload[]
  readonly ended: { readonly code: number; readonly reason: string }[]
  alive: number
}

/** A server that lets every handshake in. */
export interface OpenServer {
  readonly server: Server
  readonly number: number
  readonly handshakes: readonly AcceptedHandshake[]
  /** What was reported as unexpected. */
  readonly faults: unknown[]
  /** The next handshake that is accepted. */
  next(): Promise<AcceptedHandshake>
}

afterEach(cutRawClients)

/**
 * A server that lets everyone in and hands over the bare connection; `arrive` is called in the turn of the
 * accept.
 */
export async function openServer(
  options: ServerOptions = {},
  arrive: (accepted: AcceptedHandshake) => void = () => {},
): Promise<OpenServer> {
  const faults: unknown[] = []
  const handshakes: AcceptedHandshake[] = []
  const waiting: ((accepted: AcceptedHandshake) => void)[] = []
  const server = sallyport({ report: (error) => faults.push(error), ...options })
  closeAfterTest(server)
  server.serve(async (handshake) => {
    const connection = handshake.accept(handshake.protocols[0] ?? null)
    const accepted: AcceptedHandshake = { handshake, connection, got: [], ended: [], alive: 0 }
    connection.listen({
      message: (payload) => accepted.got.push(payload),
      alive: () => accepted.alive++,
      closed: (code, reason) => accepted.ended.push({ code, reason }),
    })
    handshakes.push(accepted)
    arrive(accepted)
    waiting.shift()?.(accepted)
  })
  const { port: number } = await server.listen(0)
  const next = (): Promise<AcceptedHandshake> => new Promise((resolve) => waiting.push(resolve))
  return { server, number, handshakes, faults, next }
}
