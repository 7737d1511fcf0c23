import type { Logger } from 'pino'
import type { EventSink, Reporter } from 'sallyport'
import type { Metrics } from './metrics.ts'

/**
 * What happens at the doors and inside of sockets, as log lines and counts. No path of a refusal is logged:
 * anything could be in it.
 */
export function socketLog(log: Logger, { doors, leaves, messages }: Metrics): EventSink {
  return (event) => {
    switch (event.type) {
      case 'accepted':
        doors.inc({ outcome: 'accepted' })
        return log.info(
          { ref: event.id, client: event.address, path: event.path, user: event.subject },
          'socket accepted',
        )
      case 'denied':
        doors.inc({ outcome: String(event.status) })
        return log.info(
          { ref: event.id, client: event.address, status: event.status, code: event.code, why: event.detail },
          'socket denied',
        )
      case 'left':
        leaves.inc({ why: event.why })
        return log.info(
          {
            ref: event.id,
            path: event.path,
            user: event.subject,
            why: event.why,
            code: event.code,
            ms: Math.round(event.ms),
          },
          'socket left',
        )
      case 'refused-message':
        messages.inc({ outcome: event.code })
        return log.debug(
          { ref: event.id, path: event.path, user: event.subject, status: event.status, code: event.code },
          'message refused',
        )
      case 'sent':
        messages.inc({ outcome: 'sent' })
        return undefined
      default:
        return undefined
    }
  }
}

/** Unexpected errors of sockets, into the log. */
export function socketReporter(log: Logger): Reporter {
  return (error, doing) => log.error({ err: error, doing }, 'socket fault')
}
