import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { hangUpWhenFlushed, own, startReading } from '../../../src/transports/node/socket-owner.ts'

async function pair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  // a TCP server that listens has an address of this shape
  const far = connect((server.address() as AddressInfo).port)
  const [near] = (await once(server, 'connection')) as [Socket]
  onTestFinished(() => void far.destroy())
  return { near, far }
}

test('a socket hangs up in the same turn when the kernel has all bytes, and the peer gets them', async () => {
  const { near, far } = await pair()
  near.write('the last word')
  hangUpWhenFlushed(near)
  expect(near.destroyed).toBe(true)
  expect(String(await buffer(far))).toBe('the last word')
})

test('a socket with unread input ends before it hangs up, so that its peer gets no reset', async () => {
  const { near, far } = await pair()
  far.write('sent too early')
  await once(near, 'readable')
  near.write('the last word')
  hangUpWhenFlushed(near)
  expect([near.destroyed, near.writableEnded]).toEqual([false, true])
  expect(String(await buffer(far))).toBe('the last word')
})

test('a socket whose peer reads slowly hangs up after the last byte', async () => {
  const { near, far } = await pair()
  far.pause()
  near.write(Buffer.alloc(30_000_000, 'a'))
  hangUpWhenFlushed(near)
  expect(near.destroyed).toBe(false)
  expect(await buffer(far)).toHaveLength(30_000_000)
  if (!near.closed) await once(near, 'close')
  expect(near.destroyed).toBe(true)
})

test('reading a socket removes the end listener of node:net, and keeps those of others', async () => {
  const owner = { received: () => {}, gone: () => {} }
  const { near } = await pair()
  own(near, owner)
  startReading(near)
  expect(near.listenerCount('end')).toBe(1)
  const { near: other } = await pair()
  const theirs = (): void => {}
  other.removeAllListeners('end').on('end', theirs)
  own(other, owner)
  startReading(other)
  expect(other.listeners('end')).toContain(theirs)
})
