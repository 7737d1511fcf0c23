import { protocolName } from '../../wire/carrier.ts'
import { closeReason } from '../../wire/close.ts'
import type { Denial } from '../../wire/errors.ts'
import { encodeFrame, type Refusal } from '../../wire/frame.ts'
import type { Handshake } from '../api/handshake.ts'
import { type Connection, Packet } from '../api/connection.ts'

/** A denial as an HTTP response. */
export interface HttpRefusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
}

/** The reason phrase of a status. */
export function titleOf(status: number): string {
  return titles[status] ?? (status < 500 ? 'Refused' : 'Server Error')
}

/** The part of a denial that the peer may know. `ref` is the id under which the operator finds it. */
export function refusalOf(denial: Denial, ref: string): Refusal {
  const { status, reason: code, message, retryAfterMs } = denial
  return { status, code, message, ref, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/**
 * The response for tools: a true status with a problem body (RFC 9457), and `WWW-Authenticate` and
 * `Retry-After` where they apply.
 */
export function httpFace(denial: Denial, ref: string): HttpRefusal {
  const { status, reason: code, message: detail, retryAfterMs } = denial
  const headers: Record<string, string> = {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
  }
  const challenge = challengeOf(denial)
  if (challenge !== undefined) headers['WWW-Authenticate'] = challenge
  if (status === 426) {
    headers['Upgrade'] = 'websocket'
    headers['Sec-WebSocket-Version'] = '13'
  }
  if (retryAfterMs !== undefined) headers['Retry-After'] = String(Math.ceil(retryAfterMs / 1000))
  const body = JSON.stringify({ type: 'about:blank', title: titleOf(status), status, code, detail, ref })
  return { status, headers, body }
}

/**
 * The challenge: a 401 must have one (RFC 9110 section 11.6.1); a 403 may, as for a missing scope (RFC 6750
 * section 3.1).
 */
function challengeOf({ status, challenge }: Denial): string | undefined {
  if (status === 401) return challenge ?? 'Bearer'
  return status === 403 ? challenge : undefined
}

/** The reason of a close frame: the short code, then the text for people. */
export function denialReason(denial: Denial): string {
  return closeReason(denial.message === denial.reason ? denial.reason : `${denial.reason}: ${denial.message}`)
}

/**
 * Whether this peer can read a close code but no status. That is a browser, which sends Origin, or our own
 * client. (Node's own WebSocket sends Sec-Fetch headers too, so they say nothing.) `Accept:
 * application/problem+json` asks for HTTP.
 */
export function readsCodes(handshake: Handshake): boolean {
  return handshake.origin !== null || handshake.protocols.includes(protocolName)
}

/**
 * The subprotocol to accept: ours when it is offered, otherwise the first plain name, without which a browser
 * fails the connection.
 */
export function answeredProtocol(protocols: readonly string[]): string | null {
  return protocols.includes(protocolName) ? protocolName : (protocols[0] ?? null)
}

/** The response for browsers: accepts the handshake, and closes at once with the code of the denial. */
export function refuseByCode(handshake: Handshake, denial: Denial): void {
  const connection = handshake.accept(answeredProtocol(handshake.protocols))
  connection.listen({ message: () => {}, alive: () => {}, closed: () => {} })
  sayDenied(connection, handshake, denial)
}

/** Sends a denial on an open connection, and closes it. */
export function sayDenied(connection: Connection, handshake: Handshake, denial: Denial): void {
  if (connection.protocol === protocolName) {
    connection.send(
      new Packet(encodeFrame({ op: 'denied', in: handshake.path, ...refusalOf(denial, handshake.id) })),
    )
  }
  connection.close(denial.closeCode, denialReason(denial))
}
