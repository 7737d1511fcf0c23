import { z } from 'zod'
import { counted } from '../layout/counted.ts'

/** What came of ending or changing access, as the server tells it. */
export const receipt = z.object({
  closed: z.number(),
  changed: z.number(),
  dropped: z.number(),
  nodes: z.array(z.string()),
  silent: z.array(z.string()),
})

/** What came of ending or changing access. */
export type Receipt = z.output<typeof receipt>

/** What the server answers such a request with. */
export const receiptAnswer = z.object({ receipt })

/**
 * A receipt in words.
 *
 * @example receiptWords({ closed: 2, changed: 0, dropped: 0, nodes: ['a'], silent: [] }) // '2 sockets were closed, on 1 server.'
 */
export function receiptWords({ closed, changed, dropped, nodes, silent }: Receipt): string {
  const parts = [
    closed > 0 && `${counted(closed, 'socket was', 'sockets were')} closed`,
    changed > 0 && `${counted(changed, 'socket has', 'sockets have')} other rights now`,
    dropped > 0 && `${counted(dropped, 'waiting message was', 'waiting messages were')} dropped`,
  ].filter((part) => part !== false)
  const what = parts.length === 0 ? 'No socket was open that this is about' : parts.join(', ')
  return `${what}${whereWords(nodes)}.${silentWords(silent)}`
}

function whereWords(nodes: Receipt['nodes']): string {
  return nodes.length === 0 ? '' : `, on ${counted(nodes.length, 'server')}`
}

function silentWords(silent: Receipt['silent']): string {
  if (silent.length === 0) return ''
  return ` ${counted(silent.length, 'server')} did not answer in time, and will follow within seconds: ${silent.join(', ')}.`
}
