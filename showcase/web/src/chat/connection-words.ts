import type { ChatSnapshot } from './contract.ts'

/** How a connection is shown: a colour, words with the seconds that are left, and words that are read out. */
export interface ConnectionWords {
  readonly tone: 'good' | 'pending' | 'bad'
  readonly shown: string
  /** Without the countdown, so that a screen reader is not interrupted each second. */
  readonly spoken: string
}

/** The state of a connection in words. @param now milliseconds since 1970 */
export function connectionWords({ state, retryAt, denial }: ChatSnapshot, now: number): ConnectionWords {
  switch (state) {
    case 'open':
      return same('good', 'Connected')
    case 'connecting':
      return same('pending', 'Connecting…')
    case 'waiting':
      return {
        tone: 'bad',
        shown: `Offline. Retrying in ${secondsUntil(retryAt, now)} s`,
        spoken: 'Offline. Retrying.',
      }
    case 'denied':
      return same(
        'bad',
        denial?.status === 401 ? 'Signed out' : `Refused: ${denial?.message ?? 'no reason was given'}`,
      )
    case 'closed':
      return same('bad', 'Closed')
  }
}

function same(tone: ConnectionWords['tone'], words: string): ConnectionWords {
  return { tone, shown: words, spoken: words }
}

function secondsUntil(at: number | null, now: number): number {
  return at === null ? 0 : Math.max(0, Math.ceil((at - now) / 1000))
}
