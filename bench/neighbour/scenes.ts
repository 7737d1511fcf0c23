import { setTimeout as after } from 'node:timers/promises'
import WebSocket from 'ws'
import { startServer } from './server-process.ts'
import { reader } from './readers.ts'

/** What was seen, in a line, and the goal that it misses, if it misses one. */
export interface Scene {
  readonly told: string
  readonly missed: string | null
}

/** 90 messages, then the end of the socket, then a ban: what is published afterwards, in so many seconds. */
export async function leaving(seconds: number): Promise<Scene> {
  await using server = await startServer()
  const open = async (user: string): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.number}/ws/slow/leaving`, {
      headers: { 'x-user': user },
    })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return socket
  }
  let heard = 0
  const [listener, banned] = [await open('listener'), await open('banned')]
  for (let count = 0; count < 90; count++)
    banned.send(JSON.stringify({ type: 'say', text: `message ${count}` }))
  banned.close()
  await new Promise((resolve) => banned.once('close', resolve))
  await after(500)
  const receipt = await server.revoke('banned')
  listener.on('message', () => heard++)
  await after(seconds * 1_000)
  listener.terminate()
  return {
    told: `leaving: ${JSON.stringify(receipt)}, and ${heard} messages were published in the ${seconds} s after the ban`,
    missed: heard === 0 ? null : `leaving: ${heard} messages were published after the ban, and none may be`,
  }
}

const stateBytes = 24_000_000

/** A first state of 24 MB for a reader of so many bytes a second. */
export async function firstState(bytesPerSecond: number): Promise<Scene> {
  await using server = await startServer()
  using one = reader(server.number, '/ws/large', 'patient', bytesPerSecond)
  const ends = performance.now() + (1_500 * stateBytes) / bytesPerSecond + 1_000
  while (one.bytes < stateBytes && one.code === null && performance.now() < ends) await after(50)
  const told = `first state: ${(one.bytes / 1e6).toFixed(1)} of 24 MB arrived, closed with ${one.code ?? 'nothing'}`
  return { told, missed: one.bytes < stateBytes ? told : null }
}
