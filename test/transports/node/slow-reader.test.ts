import { once } from 'node:events'
import { expect, test } from 'vitest'
import { Packet } from '../../../src/core/api/connection.ts'
import { testClock } from '../../../src/testing.ts'
import { type Guest, openHouse } from './open-server.ts'
import { type RawClient, rawClient, say } from './raw-client.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const soon = { interval: 1 }
const outboundBytes = 400_000
const chunk = 'x'.repeat(20_000)

/** A guest whose client has stopped to read, and whose kernel takes no more: so many bytes wait for it. */
async function stuck(options: object = {}): Promise<{ guest: Guest; client: RawClient; sent: number }> {
  const house = await openHouse({ limits: { outboundBytes }, ...options })
  const client = await rawClient(house.number, '/')
  const [guest] = house.guests
  if (guest === undefined) throw new Error('nobody came')
  client.socket.pause()
  let sent = 0
  for (let still = 0; still < 20; still = guest.connection.queued === 0 ? 0 : still + 1) {
    if (guest.connection.queued === 0) {
      guest.connection.send(new Packet(chunk))
      sent++
    }
    await turn()
  }
  return { guest, client, sent }
}

/** Fills the queue to `bytes` exactly. */
function fill({ connection }: Guest, bytes: number): void {
  for (let room = bytes - connection.queued; room > 0; room = bytes - connection.queued) {
    const length = Math.min(room, 50_000)
    const header = length > 127 ? 4 : 2
    connection.send(new Packet('y'.repeat(length - header)))
  }
}

test('close: the bound is allowed, one byte above it closes with 4508 and cuts soon after', async () => {
  const clock = testClock()
  const { guest, client } = await stuck({ clock })
  fill(guest, outboundBytes)
  await turn()
  expect([guest.connection.queued, guest.ended]).toEqual([outboundBytes, []])
  guest.connection.send(new Packet(''))
  expect(guest.ended).toEqual([])
  await turn()
  expect(guest.ended.map(({ code }) => code)).toEqual([4508])
  expect(guest.connection.queued).toBeLessThan(100_000)
  const closed = once(client.socket, 'close')
  client.socket.resume()
  await expect.poll(() => client.heard.closed, soon).toBe(4508)
  await clock.advance(1_000)
  await closed
})

test('close: a reader that reads nothing is cut one second later, and holds nothing any more', async () => {
  const clock = testClock()
  const { guest, client } = await stuck({ clock })
  fill(guest, outboundBytes)
  guest.connection.send(new Packet('one more'))
  const closed = once(client.socket, 'close')
  await clock.advance(1_000)
  client.socket.resume()
  await closed
  expect(guest.connection.queued).toBe(0)
})

test('drop: above the bound a message is lost, and the reader stays and hears the rest', async () => {
  const { guest, client, sent } = await stuck()
  fill(guest, outboundBytes)
  for (let count = 0; count < 100; count++) guest.connection.send(new Packet(`lost ${count}`, 'drop'))
  await turn()
  expect([guest.connection.queued, guest.ended]).toEqual([outboundBytes, []])
  client.socket.resume()
  await expect.poll(() => guest.connection.queued, soon).toBe(0)
  guest.connection.send(new Packet('heard', 'drop'))
  await expect.poll(() => client.heard.messages.at(-1), soon).toBe('heard')
  expect(client.heard.messages.some((message) => message.startsWith('lost'))).toBe(false)
  expect(client.heard.messages.length).toBeGreaterThan(sent)
  client.socket.write(say('still here'))
  await expect.poll(() => guest.got, soon).toEqual(['still here'])
})

test('latest: a reader that has caught up hears the newest of each key, nothing replaced', async () => {
  const { guest, client } = await stuck()
  for (let count = 0; count < 1_000; count++) {
    guest.connection.send(new Packet(`a${count}`, 'latest', 'a'))
    guest.connection.send(new Packet(`b${count}`, 'latest', 'b'))
    if (count % 100 === 0) await turn()
  }
  const before = guest.connection.queued
  client.socket.resume()
  await expect.poll(() => client.heard.messages.slice(-2), soon).toEqual(['a999', 'b999'])
  expect(client.heard.messages.filter((message) => /^[ab]\d/.test(message))).toEqual(['a999', 'b999'])
  expect(before).toBeLessThan(outboundBytes)
})

test('a peer that pings and never reads is answered only within the bound', async () => {
  const clock = testClock()
  const { guest, client } = await stuck({ clock })
  fill(guest, outboundBytes)
  for (let second = 0; second < 30; second++) {
    for (let count = 0; count < 10; count++) guest.connection.ping()
    await clock.advance(1_000)
  }
  expect(guest.connection.queued).toBe(outboundBytes)
  expect(guest.ended).toEqual([])
  client.socket.destroy()
})
