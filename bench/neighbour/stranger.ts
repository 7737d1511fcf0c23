import { setTimeout as after } from 'node:timers/promises'
import WebSocket from 'ws'
import { quantile } from '../statistics.ts'

/** The round trips of users who have nothing to do with the others. */
export interface RoundTrips {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly count: number
}

/** Signed-in users who each say a word every 20 ms, and wait for it to come back. */
export interface Strangers extends Disposable {
  /** What was measured since the last time it was asked. */
  take(): RoundTrips
}

/** The default rate of a socket is 50 messages a second. */
const eachMs = 20
/** More than one, so that a second has enough round trips for a p99. */
const strangersCount = 4

export async function strangers(number: number): Promise<Strangers> {
  const sockets: WebSocket[] = []
  let times: number[] = []
  for (let at = 0; at < strangersCount; at++) {
    const socket = new WebSocket(`ws://127.0.0.1:${number}/ws/echo`, {
      headers: { 'x-user': `stranger-${at}` },
    })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    sockets.push(socket)
    void talk(socket, (tookMs) => times.push(tookMs))
    await after(eachMs / strangersCount)
  }
  return {
    take() {
      const taken = times
      times = []
      return { p50Ms: quantile(taken, 0.5), p99Ms: quantile(taken, 0.99), count: taken.length }
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.terminate()
    },
  }
}

async function talk(socket: WebSocket, took: (ms: number) => void): Promise<void> {
  let heard = (): void => {}
  socket.on('message', () => heard()).on('close', () => heard())
  while (socket.readyState === WebSocket.OPEN) {
    const said = performance.now()
    const answered = new Promise<void>((resolve) => (heard = resolve))
    socket.send('word')
    await answered
    const tookMs = performance.now() - said
    took(tookMs)
    await after(Math.max(0, eachMs - tookMs))
  }
}
