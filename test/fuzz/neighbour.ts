import { once } from 'node:events'
import WebSocket from 'ws'

/** A client that behaves, and talks all through an attack on others. */
export interface Neighbour {
  /** Ends the talk. @throws Error when an answer is missing, or one was waited for longer than this */
  leave(patienceMs: number): Promise<void>
}

/** Opens a socket at an endpoint that says back what it hears, and talks to it twenty times a second. */
export async function neighbour(url: string, headers: Record<string, string>): Promise<Neighbour> {
  const socket = new WebSocket(url, { headers })
  await once(socket, 'open')
  const asked = new Map<string, number>()
  let [said, longestMs] = [0, 0]
  socket.on('message', (data: Buffer) => {
    longestMs = Math.max(longestMs, performance.now() - (asked.get(data.toString()) ?? 0))
    asked.delete(data.toString())
  })
  const say = (): void => {
    const line = `line ${said++}`
    asked.set(line, performance.now())
    socket.send(line)
  }
  const talk = setInterval(say, 50)
  return {
    async leave(patienceMs) {
      clearInterval(talk)
      say()
      // a close is answered after everything before it
      socket.close()
      const [code] = (await once(socket, 'close')) as [number]
      if (code !== 1005 || asked.size > 0)
        throw new Error(`the neighbour was closed with ${code}, ${asked.size} answers short`)
      if (longestMs > patienceMs)
        throw new Error(`the neighbour waited ${Math.round(longestMs)} ms for an answer`)
    },
  }
}
