import type { Snapshot } from 'sallyport/client'

/** How a connection is shown: a colour, words with the seconds that are left, and words that are read out. */
export interface ConnectionWords {
  readonly tone: 'good' | 'pending' | 'bad'
  readonly shown: string
  /** Without the countdown, so that a screen reader is not interrupted each second. */
  readonly spoken: string
}

/** What is the same for every connection in a state; the words of the others depend on more. */
const settled = {
  open: same('good', 'Connected'),
  connecting: same('pending', 'Connecting…'),
  closed: same('bad', 'Closed'),
} as const

/** What the words depend on beside the state of the connection. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Whether this machine has a network at all. */
  readonly online: boolean
}

/** The state of a connection. */
export type Connection = Pick<Snapshot, 'state' | 'retryAt' | 'denial'>

/** The state of a connection in words. */
export function connectionWords(
  { state, retryAt, denial }: Connection,
  { now, online }: Circumstances,
): ConnectionWords {
  // a dead line is found out by its silence after half a minute; the browser knows at once
  if (!online && (state === 'open' || state === 'connecting')) return same('bad', 'No network')
  if (state === 'waiting') return waiting(retryAt, now)
  if (state !== 'denied') return settled[state]
  if (denial?.status === 401) return same('bad', 'Signed out')
  return same('bad', `Refused. ${sentence(denial?.message ?? 'no reason was given')}`)
}

/** What a denial says, as a sentence: those of the library are written to follow a colon. */
export function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1)
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function waiting(retryAt: number | null, now: number): ConnectionWords {
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1000))
  return { tone: 'bad', shown: `Offline. Retrying in ${seconds} s`, spoken: 'Offline. Retrying.' }
}

function same(tone: ConnectionWords['tone'], words: string): ConnectionWords {
  return { tone, shown: words, spoken: words }
}
