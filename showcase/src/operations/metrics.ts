import { createHash, timingSafeEqual } from 'node:crypto'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import { isLoopback } from '../config.ts'

/** What is counted. No label holds a name, an address or a path with parameters in it. */
export interface Metrics {
  readonly registry: Registry
  /** Requests by method, route pattern and status. */
  readonly requests: Counter<'method' | 'route' | 'status'>
  readonly seconds: Histogram<'route'>
  /** Attempts to sign in by outcome: succeeded, failed, slowed. */
  readonly signIns: Counter<'outcome'>
  /** Socket handshakes: accepted, or the status of the refusal. */
  readonly handshakes: Counter<'outcome'>
  /** Sockets that have ended, by reason. */
  readonly leaves: Counter<'why'>
  /** Messages of sockets: sent, or the code of the refusal. */
  readonly messages: Counter<'outcome'>
  /** Every event of handshakes and sockets, by type. */
  readonly events: Counter<'type'>
  /** Limits that were reached, and what was counted together. */
  readonly limits: Counter<'limit' | 'scope'>
  /** Access that ran out: the credential's, silence, age. */
  readonly expiries: Counter<'cause'>
  /** Grants that have changed under an open socket, by what had them asked for again. */
  readonly changes: Counter<'why'>
}

/** What is asked at each reading. */
export interface GaugeSources {
  /** How many password hashes wait. */
  readonly waiting: () => number
  /** How many sockets are open. */
  readonly sockets: () => number
}

/** A registry of its own, so that several servers fit into one process. */
export function metrics({ waiting, sockets }: GaugeSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const queue: Gauge = new Gauge({
    name: 'showcase_password_hashes_waiting',
    help: 'Password hashes that wait for their turn',
    registers,
    collect: () => queue.set(waiting()),
  })
  const open: Gauge = new Gauge({
    name: 'showcase_sockets',
    help: 'Open sockets',
    registers,
    collect: () => open.set(sockets()),
  })
  return {
    registry,
    requests: new Counter({
      name: 'showcase_http_requests_total',
      help: 'HTTP requests',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'showcase_http_request_seconds',
      help: 'Time to the answer',
      labelNames: ['route'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2],
      registers,
    }),
    signIns: new Counter({
      name: 'showcase_sign_ins_total',
      help: 'Attempts to sign in',
      labelNames: ['outcome'],
      registers,
    }),
    handshakes: new Counter({
      name: 'showcase_socket_handshakes_total',
      help: 'Socket handshakes',
      labelNames: ['outcome'],
      registers,
    }),
    leaves: new Counter({
      name: 'showcase_sockets_left_total',
      help: 'Sockets that have ended',
      labelNames: ['why'],
      registers,
    }),
    messages: new Counter({
      name: 'showcase_socket_messages_total',
      help: 'Socket messages',
      labelNames: ['outcome'],
      registers,
    }),
    ...eventMetrics(registers),
  }
}

function eventMetrics(registers: Registry[]): Pick<Metrics, 'events' | 'limits' | 'expiries' | 'changes'> {
  return {
    events: new Counter({
      name: 'showcase_socket_events_total',
      help: 'Events of handshakes and sockets',
      labelNames: ['type'],
      registers,
    }),
    limits: new Counter({
      name: 'showcase_socket_limits_total',
      help: 'Limits that were reached',
      labelNames: ['limit', 'scope'],
      registers,
    }),
    expiries: new Counter({
      name: 'showcase_socket_expiries_total',
      help: 'Access that ran out',
      labelNames: ['cause'],
      registers,
    }),
    changes: new Counter({
      name: 'showcase_socket_grants_changed_total',
      help: 'Grants that have changed under an open socket',
      labelNames: ['why'],
      registers,
    }),
  }
}

/** Adds what Node says of the process: memory, event loop, garbage collection. Once in a process. */
export function processMetrics({ registry }: Metrics): void {
  collectDefaultMetrics({ register: registry })
}

/** Who asks for /metrics. */
export interface Reader {
  /** The address at the other end of the wire, not the one that a header claims. */
  readonly peer: string
  readonly headers: Headers
}

/**
 * Whether metrics may be read: with the token from anywhere, without it only from this machine itself,
 * neither through a proxy on it nor by a web page that had a name of its own point here.
 *
 * @param token the METRICS_TOKEN, if there is one
 */
export function mayReadMetrics({ peer, headers }: Reader, token: string | undefined): boolean {
  const offered = /^bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '')?.[1]
  if (offered !== undefined) return token !== undefined && sameText(offered, token)
  const forwarded = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'].some((name) =>
    headers.has(name),
  )
  return !forwarded && isLoopbackAddress(peer) && isLoopbackHost(headers.get('host'))
}

/** Compares in a time that does not depend on where the two differ. */
function sameText(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

function isLoopbackHost(host: string | null): boolean {
  return host !== null && URL.canParse(`http://${host}`) && isLoopback(new URL(`http://${host}`).hostname)
}
