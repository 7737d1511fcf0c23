import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import express from 'express'
import fastify from 'fastify'
import { afterEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type AttachOptions, type Port, sallyport } from '../../src/index.ts'
import { echo } from '../core/rooms.ts'

const ports: Port[] = []
afterEach(() => Promise.all(ports.splice(0).map((port) => port.close({ drain: 0 }))))

/** A server of somebody else, to which ours is attached, with a socket open on it. */
async function inside(server: Server, options: AttachOptions) {
  const port = sallyport()
  ports.push(port)
  port.serve(echo)
  port.attach(server, options)
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  // a server that listens on TCP has an address of this kind
  const { port: number } = server.address() as AddressInfo
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`, { headers: { 'x-test-user': 'Ada' } })
  await once(ws, 'open')
  return { port, ws, closed: once(ws, 'close') as Promise<[number]> }
}

test('closing the HTTP server closes the server that is attached with it', async () => {
  const server = createServer()
  const { port, closed } = await inside(server, { closeWithHttpServer: true })
  await promisify(server.close.bind(server))()
  expect([(await closed)[0], port.connections, server.listening]).toEqual([1012, 0, false])
})

test('without the option it waits for the sockets, which stay', async () => {
  const server = createServer()
  const { port, ws, closed } = await inside(server, {})
  const done = promisify(server.close.bind(server))()
  ws.send('still here')
  expect(String((await once(ws, 'message'))[0])).toBe('still here')
  expect(port.connections).toBe(1)
  await port.close({ drain: 0 })
  await done
  expect((await closed)[0]).toBe(1012)
})

test('an Express application closes together', async () => {
  const server = createServer(express())
  const { closed } = await inside(server, { closeWithHttpServer: { drain: '1s' } })
  await promisify(server.close.bind(server))()
  expect((await closed)[0]).toBe(1012)
})

test('a Fastify application closes together', async () => {
  const app = fastify()
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { closed } = await inside(app.server, { closeWithHttpServer: true })
  await app.close()
  expect((await closed)[0]).toBe(1012)
})

test('an HTTP server that is disposed of closes together', async () => {
  const server = createServer()
  const { closed } = await inside(server, { closeWithHttpServer: true })
  await server[Symbol.asyncDispose]()
  expect((await closed)[0]).toBe(1012)
})

test('a server that was closed first leaves the HTTP server as it was', async () => {
  const [server, other] = [createServer(), createServer()]
  const { port } = await inside(server, { closeWithHttpServer: true })
  expect(Object.hasOwn(server, 'close')).toBe(true)
  await port.close({ drain: 0 })
  expect([Object.hasOwn(server, 'close'), server.close]).toEqual([false, other.close])
  await promisify(server.close.bind(server))()
})

test('what somebody else has made of the method is kept', async () => {
  const server = createServer()
  const calls: string[] = []
  const wrap = (name: string): void => {
    const close = server.close.bind(server)
    server.close = (done) => (calls.push(name), close(done))
  }
  wrap('before')
  const { port, closed } = await inside(server, { closeWithHttpServer: { drain: 0 } })
  wrap('after')
  await promisify(server.close.bind(server))()
  expect([calls, (await closed)[0]]).toEqual([['after', 'before'], 1012])
  await port.close()
})

test.each([
  { closeWithHttpServer: 'yes' },
  { closeWithHttpServer: { drain: 'soon' } },
  { accept: () => true },
  { accepts: undefined },
])('options of attach that are malformed are a TypeError that attaches nothing: %o', (options) => {
  const server = createServer()
  const port = sallyport()
  ports.push(port)
  // options as a program without types writes them
  expect(() => port.attach(server, options as unknown as AttachOptions)).toThrow(TypeError)
  expect(server.listenerCount('upgrade')).toBe(0)
  port.attach(server)
})
