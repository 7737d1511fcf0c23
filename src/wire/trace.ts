import { isRecord } from './json.ts'

/** Where a piece of work stands in a trace, as it travels (W3C Trace Context). */
export interface TraceContext {
  /** Such as `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. */
  readonly traceparent: string
  /** What tracing systems keep for themselves; at most 512 characters. */
  readonly tracestate?: string
}

/** The one version that there is; a parser of ours could not know what a later one means. */
const parent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
const parentLength = 55
const maxStateLength = 512
const stateMember = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}$/

/**
 * Reads a trace context that a peer, a layer or a header gave: `null` when it is malformed, which is no fault of the
 * message that it came with. A malformed `tracestate` is dropped and the rest kept (Trace Context section 3.3).
 */
export function traceOf(value: unknown): TraceContext | null {
  if (!isRecord(value)) return null
  const { traceparent, tracestate } = value
  if (typeof traceparent !== 'string' || traceparent.length !== parentLength || !parent.test(traceparent))
    return null
  return isState(tracestate) ? { traceparent, tracestate } : { traceparent }
}

function isState(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || value.length > maxStateLength) return false
  const members = value.split(',').map((member) => member.trim())
  return members.length <= 32 && members.every((member) => stateMember.test(member))
}
