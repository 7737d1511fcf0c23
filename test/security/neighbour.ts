import { once } from 'node:events'
import { expect } from 'vitest'
import WebSocket from 'ws'

/** A connection that talks all through an attack: when it falls silent, the attack has reached the others. */
export interface Neighbour {
  /** Everything that was said so far has come back, and the process never worked for a second between two answers. */
  alive(): Promise<void>
  stop(): void
}

/** In processor time of this process: how long a wait is depends on what else the machine does. */
const patienceMs = 1_000

function workedMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Opens a neighbour at an endpoint that says back what it hears. */
export async function neighbour(url: string, headers: Record<string, string>): Promise<Neighbour> {
  const ws = new WebSocket(url, { headers })
  await once(ws, 'open')
  let [said, heard, longest, lastHeard] = [0, 0, 0, workedMs()]
  ws.on('message', () => {
    heard++
    const now = workedMs()
    longest = Math.max(longest, now - lastHeard)
    lastHeard = now
  })
  const talk = setInterval(() => ws.send(`tweet ${said++}`), 25)
  return {
    async alive() {
      const soFar = ++said
      ws.send('tweet')
      await expect.poll(() => heard, { interval: 5 }).toBeGreaterThanOrEqual(soFar)
      expect(longest).toBeLessThan(patienceMs)
      expect(ws.readyState).toBe(WebSocket.OPEN)
    },
    stop() {
      clearInterval(talk)
      ws.terminate()
    },
  }
}
