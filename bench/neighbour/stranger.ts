import { setTimeout as after } from 'node:timers/promises'
import WebSocket from 'ws'
import { quantile } from '../statistics.ts'

/** The round trips of a user who has nothing to do with the others. */
export interface RoundTrips {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
}

/** A signed-in user who says a word every 20 ms, and waits for it to come back. */
export interface Stranger extends Disposable {
  /** What was measured since the last time it was asked. */
  take(): RoundTrips
}

/** The default rate of a socket is 50 messages a second. */
const eachMs = 20

export async function stranger(number: number): Promise<Stranger> {
  const socket = new WebSocket(`ws://127.0.0.1:${number}/ws/echo`, { headers: { 'x-user': 'stranger' } })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  let times: number[] = []
  let heard = (): void => {}
  socket.on('message', () => heard()).on('close', () => heard())
  const talk = async (): Promise<void> => {
    while (socket.readyState === WebSocket.OPEN) {
      const said = performance.now()
      const answered = new Promise<void>((resolve) => (heard = resolve))
      socket.send('word')
      await answered
      const tookMs = performance.now() - said
      times.push(tookMs)
      await after(Math.max(0, eachMs - tookMs))
    }
  }
  void talk()
  return {
    take() {
      const taken = times
      times = []
      return { p50Ms: quantile(taken, 0.5), p99Ms: quantile(taken, 0.99), mostMs: Math.max(...taken) }
    },
    [Symbol.dispose]() {
      socket.terminate()
    },
  }
}
