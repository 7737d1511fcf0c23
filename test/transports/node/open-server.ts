import { afterEach } from 'vitest'
import type { Connection } from '../../../src/core/api/connection.ts'
import { type Handshake, type ServerOptions, type Server, sallyport } from '../../../src/index.ts'
import type { Payload } from '../../../src/wire/body.ts'
import { cutRawClients } from './raw-client.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

/** Someone who was let in, as the transport brings them. */
export interface Guest {
  readonly handshake: Handshake
  readonly connection: Connection
  readonly got: Payload[]
  readonly ended: { readonly code: number; readonly reason: string }[]
  alive: number
}

/** A server without doors. */
export interface OpenHouse {
  readonly server: Server
  readonly number: number
  readonly guests: readonly Guest[]
  /** What was reported as unexpected. */
  readonly faults: unknown[]
  /** The guest who comes next. */
  next(): Promise<Guest>
}

afterEach(cutRawClients)

/**
 * A server that lets everyone in and hands over the bare connection; `arrive` is called in the turn of the
 * accept.
 */
export async function openHouse(
  options: ServerOptions = {},
  arrive: (guest: Guest) => void = () => {},
): Promise<OpenHouse> {
  const faults: unknown[] = []
  const guests: Guest[] = []
  const waiting: ((guest: Guest) => void)[] = []
  const server = sallyport({ report: (error) => faults.push(error), ...options })
  closeAfterTest(server)
  server.serve(async (handshake) => {
    const connection = handshake.accept(handshake.protocols[0] ?? null)
    const guest: Guest = { handshake, connection, got: [], ended: [], alive: 0 }
    connection.listen({
      message: (payload) => guest.got.push(payload),
      alive: () => guest.alive++,
      closed: (code, reason) => guest.ended.push({ code, reason }),
    })
    guests.push(guest)
    arrive(guest)
    waiting.shift()?.(guest)
  })
  const { port: number } = await server.listen(0)
  const next = (): Promise<Guest> => new Promise((resolve) => waiting.push(resolve))
  return { server, number, guests, faults, next }
}
