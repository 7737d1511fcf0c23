import { once } from 'node:events'
import { expect } from 'vitest'
import WebSocket from 'ws'

/** A connection that talks all through an attack: when it falls silent, the attack has reached the others. */
export interface Canary {
  /** Everything that was said so far has come back, and no wait was longer than a second. */
  alive(): Promise<void>
  stop(): void
}

const patienceMs = 1_000

/** Opens a canary at an endpoint that says back what it hears. */
export async function canary(url: string, headers: Record<string, string>): Promise<Canary> {
  const ws = new WebSocket(url, { headers })
  await once(ws, 'open')
  let [said, heard, longest, lastHeard] = [0, 0, 0, performance.now()]
  ws.on('message', () => {
    heard++
    longest = Math.max(longest, performance.now() - lastHeard)
    lastHeard = performance.now()
  })
  const talk = setInterval(() => ws.send(`tweet ${said++}`), 25)
  return {
    async alive() {
      const soFar = ++said
      ws.send('tweet')
      await expect.poll(() => heard, { interval: 5, timeout: 5_000 }).toBeGreaterThanOrEqual(soFar)
      expect(longest).toBeLessThan(patienceMs)
      expect(ws.readyState).toBe(WebSocket.OPEN)
    },
    stop() {
      clearInterval(talk)
      ws.terminate()
    },
  }
}
