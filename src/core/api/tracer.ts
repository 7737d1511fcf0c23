import { type TraceContext, traceOf } from '../../wire/trace.ts'

/** A piece of work that is traced. It holds no credential and no content of a message. */
export interface TracedWork {
  /**
   * Authentication and authorization of a handshake; a message or call in a handler; a message that is sent
   * to a group.
   */
  readonly kind: 'handshake' | 'message' | 'call' | 'send'
  /** The trace context that the peer has sent, if any. */
  readonly parent: TraceContext | null
  /** The path template. */
  readonly contract: string
  /** The path; `null` for the group of a subject. */
  readonly path: string | null
  /** The type of the message, or the name of the call; `null` for a handshake, and for an unnamed shape. */
  readonly type: string | null
  /** The id of the handshake; `null` for work that no peer has caused directly. */
  readonly id: string | null
  /** The subject, if it is known. */
  readonly subject: string | null
  /** The address of the peer; `null` where there is none. */
  readonly address: string | null
}

/** Follows work in a trace. */
export interface Tracer {
  /**
   * Runs a piece of work, and returns its result. The work is over when the result has settled. A denial is
   * its outcome; any other error is a fault. `inside` gets the trace context for messages that the work
   * sends, or `null`. It throws no error of its own.
   */
  run<T>(work: TracedWork, callback: (own: TraceContext | null) => T): T
}

/** The parts of a handshake that a span needs. */
interface HandshakeInfo {
  readonly id: string
  readonly path: string
  readonly address: string
  readonly headers: Headers
}

/** Authentication and authorization as traced work. Its parent is in the headers. */
export function handshakeSpan({ id, path, address, headers }: HandshakeInfo, contract: string): TracedWork {
  const parent = traceOf({ traceparent: headers.get('traceparent'), tracestate: headers.get('tracestate') })
  return { kind: 'handshake', parent, contract, path, type: null, id, subject: null, address }
}
