import { once } from 'node:events'
import { expect, test } from 'vitest'
import { Packet } from '../../../src/core/api/connection.ts'
import { testClock } from '../../../src/testing.ts'
import { type AcceptedHandshake, openServer } from './open-server.ts'
import { type RawClient, rawClient, say } from './raw-client.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const soon = { interval: 1 }
const outboundBytes = 400_000
const chunk = 'x'.repeat(20_000)

/** A guest whose client has stopped to read, and whose kernel takes no more: so many bytes wait for it. */
async function stuck(
  options: object = {},
): Promise<{ accepted: AcceptedHandshake; client: RawClient; sent: number }> {
  const opened = await openServer({ limits: { outboundBytes }, ...options })
  const client = await rawClient(opened.number, '/')
  const [accepted] = opened.handshakes
  if (accepted === undefined) throw new Error('no connection came')
  client.socket.pause()
  let sent = 0
  for (let still = 0; still < 20; still = accepted.connection.queued === 0 ? 0 : still + 1) {
    if (accepted.connection.queued === 0) {
      accepted.connection.send(new Packet(chunk))
      sent++
    }
    await turn()
  }
  return { accepted, client, sent }
}

/** Fills the queue to `bytes` exactly. */
function fill({ connection }: AcceptedHandshake, bytes: number): void {
  for (let room = bytes - connection.queued; room > 0; room = bytes - connection.queued) {
    const length = Math.min(room, 50_000)
    const header = length > 127 ? 4 : 2
    connection.send(new Packet('y'.repeat(length - header)))
  }
}

test('close: the bound is allowed, one byte above it closes with 4508 and cuts soon after', async () => {
  const clock = testClock()
  const { accepted, client } = await stuck({ clock })
  fill(accepted, outboundBytes)
  await turn()
  expect([accepted.connection.queued, accepted.ended]).toEqual([outboundBytes, []])
  accepted.connection.send(new Packet(''))
  expect(accepted.ended).toEqual([])
  await turn()
  expect(accepted.ended.map(({ code }) => code)).toEqual([4508])
  expect(accepted.connection.queued).toBeLessThan(100_000)
  const closed = once(client.socket, 'close')
  client.socket.resume()
  await expect.poll(() => client.heard.closed, soon).toBe(4508)
  await clock.advance(1_000)
  await closed
})

test('close: a reader that reads nothing is cut one second later, and holds nothing any more', async () => {
  const clock = testClock()
  const { accepted, client } = await stuck({ clock })
  fill(accepted, outboundBytes)
  accepted.connection.send(new Packet('one more'))
  const closed = once(client.socket, 'close')
  await clock.advance(1_000)
  client.socket.resume()
  await closed
  expect(accepted.connection.queued).toBe(0)
})

test('drop: above the bound a message is lost, and the reader stays and hears the rest', async () => {
  const { accepted, client, sent } = await stuck()
  fill(accepted, outboundBytes)
  for (let count = 0; count < 100; count++) accepted.connection.send(new Packet(`lost ${count}`, 'drop'))
  await turn()
  expect([accepted.connection.queued, accepted.ended]).toEqual([outboundBytes, []])
  client.socket.resume()
  await expect.poll(() => accepted.connection.queued, soon).toBe(0)
  accepted.connection.send(new Packet('heard', 'drop'))
  await expect.poll(() => client.heard.messages.at(-1), soon).toBe('heard')
  expect(client.heard.messages.some((message) => message.startsWith('lost'))).toBe(false)
  expect(client.heard.messages.length).toBeGreaterThan(sent)
  client.socket.write(say('still here'))
  await expect.poll(() => accepted.got, soon).toEqual(['still here'])
})

test('latest: a reader that has caught up hears the newest of each key, nothing replaced', async () => {
  const { accepted, client } = await stuck()
  for (let count = 0; count < 1_000; count++) {
    accepted.connection.send(new Packet(`a${count}`, 'latest', 'a'))
    accepted.connection.send(new Packet(`b${count}`, 'latest', 'b'))
    if (count % 100 === 0) await turn()
  }
  const before = accepted.connection.queued
  client.socket.resume()
  await expect.poll(() => client.heard.messages.slice(-2), soon).toEqual(['a999', 'b999'])
  expect(client.heard.messages.filter((message) => /^[ab]\d/.test(message))).toEqual(['a999', 'b999'])
  expect(before).toBeLessThan(outboundBytes)
})

test('a peer that pings and never reads is answered only within the bound', async () => {
  const clock = testClock()
  const { accepted, client } = await stuck({ clock })
  fill(accepted, outboundBytes)
  for (let second = 0; second < 30; second++) {
    for (let count = 0; count < 10; count++) accepted.connection.ping()
    await clock.advance(1_000)
  }
  expect(accepted.connection.queued).toBe(outboundBytes)
  expect(accepted.ended).toEqual([])
  client.socket.destroy()
})
