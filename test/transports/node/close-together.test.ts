import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import express from 'express'
import fastify from 'fastify'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { type AttachOptions, sallyport } from '../../../src/index.ts'
import { echo } from '../../core/support/members.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

/** An HTTP server of the site, to which ours is attached, with a socket open on it. */
async function attachWithOpenSocket(httpServer: HttpServer, options: AttachOptions) {
  const server = sallyport()
  closeAfterTest(server)
  server.serve(echo)
  server.attach(httpServer, options)
  if (!httpServer.listening) await once(httpServer.listen(0, '127.0.0.1'), 'listening')
  // a server that listens on TCP has an address of this kind
  const { port: number } = httpServer.address() as AddressInfo
  const ws = new WebSocket(`ws://127.0.0.1:${number}/ws/lines`, { headers: { 'x-test-user': 'Ada' } })
  await once(ws, 'open')
  return { server, ws, closed: once(ws, 'close') as Promise<[number]> }
}

test('closing the HTTP server closes the server that is attached with it', async () => {
  const httpServer = createServer()
  const { server, closed } = await attachWithOpenSocket(httpServer, { closeWithHttpServer: true })
  await promisify(httpServer.close.bind(httpServer))()
  expect([(await closed)[0], server.connections, httpServer.listening]).toEqual([1012, 0, false])
})

test('without the option it waits for the sockets, which stay', async () => {
  const httpServer = createServer()
  const { server, ws, closed } = await attachWithOpenSocket(httpServer, {})
  const done = promisify(httpServer.close.bind(httpServer))()
  ws.send('still here')
  expect(String((await once(ws, 'message'))[0])).toBe('still here')
  expect(server.connections).toBe(1)
  await server.close({ drain: 0 })
  await done
  expect((await closed)[0]).toBe(1012)
})

test('an Express application closes together', async () => {
  const httpServer = createServer(express())
  const { closed } = await attachWithOpenSocket(httpServer, { closeWithHttpServer: { drain: '1s' } })
  await promisify(httpServer.close.bind(httpServer))()
  expect((await closed)[0]).toBe(1012)
})

test('a Fastify application closes together', async () => {
  const app = fastify()
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { closed } = await attachWithOpenSocket(app.server, { closeWithHttpServer: true })
  await app.close()
  expect((await closed)[0]).toBe(1012)
})

test('an HTTP server that is disposed of closes together', async () => {
  const httpServer = createServer()
  const { closed } = await attachWithOpenSocket(httpServer, { closeWithHttpServer: true })
  await httpServer[Symbol.asyncDispose]()
  expect((await closed)[0]).toBe(1012)
})

test('a server that was closed first leaves the HTTP server as it was', async () => {
  const [httpServer, other] = [createServer(), createServer()]
  const { server } = await attachWithOpenSocket(httpServer, { closeWithHttpServer: true })
  expect(Object.hasOwn(httpServer, 'close')).toBe(true)
  await server.close({ drain: 0 })
  expect([Object.hasOwn(httpServer, 'close'), httpServer.close]).toEqual([false, other.close])
  await promisify(httpServer.close.bind(httpServer))()
})

test('a method that other code has wrapped stays wrapped', async () => {
  const httpServer = createServer()
  const calls: string[] = []
  const wrap = (name: string): void => {
    const close = httpServer.close.bind(httpServer)
    httpServer.close = (done) => (calls.push(name), close(done))
  }
  wrap('before')
  const { server, closed } = await attachWithOpenSocket(httpServer, { closeWithHttpServer: { drain: 0 } })
  wrap('after')
  await promisify(httpServer.close.bind(httpServer))()
  expect([calls, (await closed)[0]]).toEqual([['after', 'before'], 1012])
  await server.close()
})

test.each([
  { closeWithHttpServer: 'yes' },
  { closeWithHttpServer: { drain: 'soon' } },
  { accept: () => true },
  { accepts: undefined },
])('options of attach that are malformed are a TypeError that attaches nothing: %o', (options) => {
  const httpServer = createServer()
  const server = sallyport()
  closeAfterTest(server)
  // options as a program without types writes them
  expect(() => server.attach(httpServer, options as unknown as AttachOptions)).toThrow(TypeError)
  expect(httpServer.listenerCount('upgrade')).toBe(0)
  server.attach(httpServer)
})
