import type { Logger } from 'pino'
import type { EventSink, Reporter, SallyportEvent } from 'sallyport'
import type { Metrics } from './metrics.ts'

/** The events of handshakes and sockets, as log lines and counts. */
export function socketLog(log: Logger, counts: Metrics): EventSink {
  return (event) => {
    count(event, counts)
    const level = levels[event.type]
    if (level !== null) log[level](fieldsOf(event), `socket ${event.type}`)
  }
}

/** The compiler asks for every event; a message that was sent has no line. */
const levels: Readonly<Record<SallyportEvent['type'], 'info' | 'debug' | 'warn' | null>> = {
  accepted: 'info',
  denied: 'info',
  left: 'info',
  dropped: 'info',
  refreshed: 'info',
  'refresh-refused': 'info',
  changed: 'info',
  unanswered: 'warn',
  expired: 'info',
  evicted: 'info',
  revoked: 'info',
  kicked: 'info',
  rechecked: 'info',
  limited: 'warn',
  misconfigured: 'warn',
  missed: 'warn',
  'refused-message': 'debug',
  sent: null,
}

/** What may have anything in it is left out: the path of someone who was not let in, and what they were told. */
function fieldsOf({ type, ...event }: SallyportEvent): object {
  const { id, address, subject, path, detail, ms, ...told }: Readonly<Record<string, unknown>> = event
  const isInside = type !== 'denied' && type !== 'limited'
  // the logger has a time and a name of its own
  const rest = Object.entries(told).filter(([name]) => !['at', 'node', 'message'].includes(name))
  return {
    ref: id,
    client: address,
    user: subject,
    ...(isInside ? { path } : {}),
    ...(typeof ms === 'number' ? { ms: Math.round(ms) } : {}),
    ...(detail === undefined ? {} : { why: detail }),
    ...Object.fromEntries(rest),
  }
}

/** Every label is one of a few words: no subject, path or address, of which there are as many as one likes. */
function count(event: SallyportEvent, { events, handshakes, leaves, messages, ...counts }: Metrics): void {
  events.inc({ type: event.type })
  switch (event.type) {
    case 'accepted':
      return handshakes.inc({ outcome: 'accepted' })
    case 'denied':
      return handshakes.inc({ outcome: String(event.status) })
    case 'left':
      return leaves.inc({ why: event.why })
    case 'refused-message':
      return messages.inc({ outcome: event.code })
    case 'sent':
      return messages.inc({ outcome: 'sent' })
    case 'limited':
      return counts.limits.inc({ limit: event.limit, scope: event.scope })
    case 'expired':
      return counts.expiries.inc({ cause: event.cause })
    case 'changed':
      return counts.changes.inc({ why: event.why })
    default:
      return undefined
  }
}

/** Unexpected errors of sockets, into the log. */
export function socketReporter(log: Logger): Reporter {
  return (error, doing) => log.error({ err: error, doing }, 'socket fault')
}
