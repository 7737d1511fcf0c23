import { type TraceContext, traceOf } from '../../wire/trace.ts'

/** A piece of work that is traced. No credential is in it, and nothing of what a message says. */
export interface TracedWork {
  /** The doors of an endpoint; a message or call that a handler works on; a message on its way to a group. */
  readonly kind: 'handshake' | 'message' | 'call' | 'send'
  /** What it continues, where a peer has said so. */
  readonly parent: TraceContext | null
  /** The path template. */
  readonly contract: string
  /** The path; `null` for the group of a subject, which has none. */
  readonly path: string | null
  /** The type of the message, or the name of the call; `null` for a handshake, and for an unnamed shape. */
  readonly type: string | null
  /** The id of the handshake; `null` for what no peer has caused directly. */
  readonly id: string | null
  /** Who it is, where that is known. */
  readonly subject: string | null
  /** The address of the peer; `null` where there is none. */
  readonly address: string | null
}

/** What follows work through a trace. */
export interface Tracer {
  /**
   * Runs a piece of work, and answers what it answers. It is over when that has settled; a denial that it throws is its
   * outcome, anything else a fault. `inside` is given what messages that it sends are to carry, or `null` for nothing.
   * It throws nothing of its own.
   */
  run<T>(work: TracedWork, inside: (own: TraceContext | null) => T): T
}

/** Runs a piece of work under a tracer; without one nothing is made. */
export function traced<T>(
  tracer: Tracer | null,
  work: () => TracedWork,
  inside: (own: TraceContext | null) => T,
): T {
  return tracer === null ? inside(null) : tracer.run(work(), inside)
}

/** What is told of a handshake. */
interface HandshakeInfo {
  readonly id: string
  readonly path: string
  readonly address: string
  readonly headers: Headers
}

/** The doors of an endpoint as work; what it continues stands in the headers. */
export function handshakeSpan({ id, path, address, headers }: HandshakeInfo, contract: string): TracedWork {
  const parent = traceOf({ traceparent: headers.get('traceparent'), tracestate: headers.get('tracestate') })
  return { kind: 'handshake', parent, contract, path, type: null, id, subject: null, address }
}
