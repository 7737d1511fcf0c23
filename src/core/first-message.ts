import type { Payload } from '../wire/body.ts'
import { Denial } from '../wire/errors.ts'
import { isRecord, parseJson } from '../wire/json.ts'
import { type Door, door, type Handshake, hub } from './application.ts'
import type { Connection, Receiver } from './connection.ts'
import { type Credentials, explicitCredentials } from './credentials.ts'
import { answeredProtocol, denialReason } from './refusal.ts'

/** A connection that was accepted before it was known who it is, and what came with its first message. */
export interface Early {
  readonly door: Door
  readonly connection: Connection
  /** Says who hears the connection from now on. */
  listen(receiver: Receiver): void
  /** Refuses on the connection that is open already. */
  refuse(denial: Denial): void
}

/** Whether this peer may still say who it is: first messages are switched on, and it has sent no credential of another kind. */
export function mayAuthenticateLate(handshake: Handshake): boolean {
  const { credentials, known } = handshake[door]
  return handshake[hub].carriers.message === true && credentials.explicit === null && known === undefined
}

/**
 * Accepts, and waits for one message with a credential, `{"type":"auth","token":"..."}` or `{"op":"auth","token":"..."}`;
 * nothing else is read before it.
 *
 * @throws never: a first message that is late (4408), too large (1009) or no credential (4401) ends the connection and
 * answers `null`
 */
export async function firstMessage(handshake: Handshake): Promise<Early | null> {
  const server = handshake[hub]
  const connection = handshake.accept(answeredProtocol(handshake.protocols), server.limits.firstMessageBytes)
  const refuse = (denial: Denial): void => connection.close(denial.closeCode, denialReason(denial))
  const relay = new Relay()
  connection.listen(relay)
  const late = server.clock.after(server.limits.firstMessageMs, () =>
    refuse(new Denial(408, 'timeout', 'no credential came in time')),
  )
  const first = await relay.first
  late.cancel()
  if (first === null) return null
  const token = tokenOf(first)
  if (token === null) {
    refuse(new Denial(401, 'unauthenticated', 'the first message must be a credential'))
    return null
  }
  const credentials = explicitCredentials({ scheme: 'bearer', value: token, carrier: 'message' })
  return {
    door: withCredentials(handshake[door], credentials),
    connection,
    listen: (receiver) => relay.hand(receiver),
    refuse,
  }
}

/** The same door with other credentials; a transport's own may compute its fields only when they are read. */
function withCredentials(asked: Door, credentials: Credentials): Door {
  const { id, url, path, headers, origin, address, signal } = asked
  return { id, url, path, headers, origin, address, signal, credentials }
}

function tokenOf(payload: Payload): string | null {
  const parsed = typeof payload === 'string' ? parseJson(payload) : { ok: false as const }
  if (!parsed.ok || !isRecord(parsed.value)) return null
  const { type, op, token } = parsed.value
  return (type ?? op) === 'auth' && typeof token === 'string' && token !== '' ? token : null
}

/** Hears a connection until the one who will hear it for good is there; what came meanwhile waits. */
class Relay implements Receiver {
  readonly first: Promise<Payload | null>
  #settle: (payload: Payload | null) => void = () => {}
  #waiting: Payload[] = []
  #ended: { readonly code: number; readonly reason: string } | null = null
  #target: Receiver | null = null
  #got = false

  constructor() {
    this.first = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  message(payload: Payload): void {
    if (this.#target !== null) return this.#target.message(payload)
    if (this.#got) this.#waiting.push(payload)
    else this.#settle(payload)
    this.#got = true
  }

  alive(): void {
    this.#target?.alive()
  }

  closed(code: number, reason: string): void {
    this.#ended = { code, reason }
    if (this.#target !== null) this.#target.closed(code, reason)
    else this.#settle(null)
  }

  /** Hands over to the one who hears for good. */
  hand(receiver: Receiver): void {
    this.#target = receiver
    for (const payload of this.#waiting) receiver.message(payload)
    if (this.#ended !== null) receiver.closed(this.#ended.code, this.#ended.reason)
  }
}
