import type { Clock } from '../wire/clock.ts'

/**
 * Publishes an access command. It does so in this turn, so that the sockets of this process are closed before
 * its caller is answered. It does not wait for other nodes. A command that waits under the same key stands
 * for both.
 */
export interface Announce {
  (key: string, command: () => Promise<unknown>): void
}

/** What announcing needs. */
export interface AnnouncingOptions {
  readonly clock: Clock
  /** Called for every attempt that has failed. */
  failed(error: unknown): void
}

/** When a failed command is tried again: two minutes in all, longer than a layer takes to restart. */
const pausesMs = [1_000, 4_000, 15_000, 40_000, 60_000]

/** Repeats an access command until it is published, while the layer comes and goes. */
export function announcing({ clock, failed }: AnnouncingOptions): Announce {
  const waiting = new Set<string>()
  const attempt = (key: string, command: () => Promise<unknown>, tried: number): void => {
    command().catch((error: unknown) => {
      failed(error)
      const pause = pausesMs[tried]
      if (pause === undefined || waiting.has(key)) return
      waiting.add(key)
      clock.after(pause, () => {
        waiting.delete(key)
        attempt(key, command, tried + 1)
      })
    })
  }
  return (key, command) => attempt(key, command, 0)
}
