import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Connection, Packet } from '../../src/core/api/connection.ts'
import { authRequest } from '../../src/core/api/handshake.ts'
import {
  anyone,
  type Application,
  consumer,
  contract,
  Denial,
  deny,
  type Handshake,
  type ServerOptions,
} from '../../src/index.ts'
import type { Payload } from '../../src/wire/body.ts'
import { carrierProtocol } from '../../src/wire/carrier.ts'

/** An upgrade request as the suite sends it. */
export interface UpgradeOf {
  /** The path with its query. */
  readonly target?: string
  readonly protocols?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

/** The client's end of a handshake, and of the connection that it may become. */
export interface TransportClient {
  readonly received: readonly Payload[]
  /** The HTTP answer of a refusal. */
  readonly refusal: { readonly status: number; readonly body: unknown } | null
  /** How the connection ended, as the client sees it. */
  readonly closed: { readonly code: number; readonly reason: string } | null
  send(payload: Payload): void
  close(code: number, reason: string): void
  /** Cuts the connection, before or after the answer. */
  cut(): void
  /** Reads no more. A transport whose client takes all at once has no such method. */
  stopReading?(): void
}

/** A server over the transport. */
export interface RunningTransport {
  /** The origin of a page of the server's own site. */
  readonly origin: string
  connect(upgrade?: UpgradeOf): TransportClient
  /** Closes the server; without a time, at once. */
  close(drainMs?: number): Promise<void>
}

/** Starts a server over the transport. */
export type StartTransport = (application: Application, options: ServerOptions) => Promise<RunningTransport>

/** The server's end of a connection that was accepted. */
interface Accepted {
  readonly handshake: Handshake
  readonly connection: Connection
  readonly received: [payload: Payload, bytes: number][]
  readonly ended: { readonly code: number; readonly reason: string }[]
  signs: number
}

const soon = { interval: 1 }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const denialOf = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return error instanceof Denial ? error.status : error
  }
}

/** What every transport does alike, as core relies on it. */
export function transportConformance(start: StartTransport): void {
  const running: RunningTransport[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()))
  })

  async function started(application: Application, options: ServerOptions = {}) {
    const faults: unknown[] = []
    const server = await start(application, { report: (error) => void faults.push(error), ...options })
    running.push(server)
    return { server, faults }
  }

  /** A server that accepts every handshake; `arrived` is called with each before it is listened to. */
  async function accepting(
    arrived: (accepted: Accepted) => void = () => {},
    options: ServerOptions = {},
    onMessage: (accepted: Accepted, payload: Payload) => void = () => {},
  ) {
    const all: Accepted[] = []
    const made = await started(async (handshake) => {
      const connection = handshake.accept(handshake.protocols[0] ?? null)
      const accepted: Accepted = { handshake, connection, received: [], ended: [], signs: 0 }
      all.push(accepted)
      arrived(accepted)
      connection.listen({
        message: (payload, bytes) => {
          accepted.received.push([payload, bytes])
          onMessage(accepted, payload)
        },
        alive: () => void accepted.signs++,
        closed: (code, reason) => void accepted.ended.push({ code, reason }),
      })
    }, options)
    const open = async (upgrade?: UpgradeOf): Promise<{ client: TransportClient; peer: Accepted }> => {
      const count = all.length
      const client = made.server.connect(upgrade)
      await expect.poll(() => all.length, soon).toBe(count + 1)
      const peer = all[count]
      if (peer === undefined) throw new Error('no connection was accepted')
      // the client has its answer before it sends
      peer.connection.send(new Packet('open'))
      await expect.poll(() => client.received.at(-1), soon).toBe('open')
      return { client, peer }
    }
    return { ...made, open }
  }

  describe('a handshake', () => {
    test('holds no credential, and its auth request holds all of them', async () => {
      const seen: Handshake[] = []
      const { server } = await started(
        async (handshake) => {
          seen.push(handshake)
          deny(403, 'seen', 'that was all', { httpOnly: true })
        },
        { carriers: { headers: ['X-Team-Key'] } },
      )
      const client = server.connect({
        target: '/ws/a%20b?room=1',
        protocols: ['chat', carrierProtocol('bearer', 'in-the-protocol'), 'superchat'],
        headers: {
          cookie: 'sid=in-the-cookie',
          'proxy-authorization': 'Basic in-the-proxy',
          'x-trace': 'kept',
        },
      })
      await expect.poll(() => client.refusal?.status, soon).toBe(403)
      const [handshake] = seen
      expect([handshake?.url.pathname, handshake?.url.search]).toEqual(['/ws/a%20b', '?room=1'])
      expect([handshake?.path, handshake?.protocols]).toEqual(['/ws/a%20b', ['chat', 'superchat']])
      expect(handshake?.headers.get('x-trace')).toBe('kept')
      expect(handshake?.headers.get('sec-websocket-protocol')).toBe('chat, superchat')
      expect(JSON.stringify([handshake, [...(handshake?.headers ?? [])]])).not.toContain('in-the-')
      const request = handshake?.[authRequest]
      expect(request?.credentials.of('bearer')).toBe('in-the-protocol')
      expect(request?.headers.has('cookie')).toBe(false)
      expect(JSON.stringify(request)).not.toContain('in-the-')
    })

    test('hides an API key from the application, and shows it to the authenticator', async () => {
      const { open } = await accepting(() => {}, { carriers: { headers: ['X-Team-Key'] } })
      const { peer } = await open({ headers: { 'x-team-key': 'k1' } })
      expect(peer.handshake.headers.has('x-team-key')).toBe(false)
      expect(peer.handshake[authRequest].headers.get('x-team-key')).toBe('k1')
      expect(peer.handshake[authRequest].credentials.of('key')).toBe('k1')
    })

    test('makes its URL and its headers once', async () => {
      const { open } = await accepting()
      const { peer } = await open()
      expect(peer.handshake.url).toBe(peer.handshake.url)
      expect(peer.handshake.headers).toBe(peer.handshake.headers)
      expect(peer.handshake[authRequest].url).toBe(peer.handshake.url)
    })

    test('answers only a subprotocol that was offered', async () => {
      const errors: unknown[] = []
      const { server } = await started(async (handshake) => {
        for (const protocol of ['other', 'chat\r\nSet-Cookie: a=b', ''])
          errors.push(denialOf(() => handshake.accept(protocol)))
        deny(403, 'done', 'done', { httpOnly: true })
      })
      const client = server.connect({ protocols: ['chat'] })
      await expect.poll(() => client.refusal?.status, soon).toBe(403)
      expect(errors).toEqual([expect.any(TypeError), expect.any(TypeError), expect.any(TypeError)])
    })

    test('is answered once: a second accept is 499', async () => {
      const { open } = await accepting()
      const { peer } = await open({ protocols: ['chat'] })
      expect(peer.connection.protocol).toBe('chat')
      expect(denialOf(() => peer.handshake.accept(null))).toBe(499)
    })

    test('is aborted with 499 when the peer leaves before the answer, and nothing is reported', async () => {
      const signals: AbortSignal[] = []
      const late: unknown[] = []
      const { server, faults } = await started(async (handshake) => {
        signals.push(handshake.signal)
        await new Promise((resolve) => handshake.signal.addEventListener('abort', resolve))
        late.push(denialOf(() => handshake.accept(null)))
        throw handshake.signal.reason
      })
      const client = server.connect()
      await expect.poll(() => signals.length, soon).toBe(1)
      client.cut()
      await expect.poll(() => late, soon).toEqual([499])
      expect(signals[0]?.reason).toMatchObject({ status: 499, reason: 'gone' })
      await turn()
      expect(faults).toEqual([])
    })

    test('is not aborted when the peer leaves after the answer', async () => {
      const { open } = await accepting()
      const { client, peer } = await open()
      const { signal } = peer.handshake
      client.cut()
      await expect.poll(() => peer.ended, soon).toHaveLength(1)
      expect(signal.aborted).toBe(false)
    })
  })

  describe('a refusal', () => {
    const refusing = (): ReturnType<typeof started> =>
      started(async () => deny(403, 'closed', 'not for you', { detail: 'for operators' }))

    test('is a status with a problem body for a program', async () => {
      const { server } = await refusing()
      const client = server.connect()
      await expect.poll(() => client.refusal, soon).toMatchObject({ status: 403, body: { code: 'closed' } })
      expect(JSON.stringify(client.refusal)).not.toContain('operators')
      expect(client.closed?.code).not.toBe(4403)
    })

    test('is a close code for a page, with the subprotocol that it offered', async () => {
      const { server } = await refusing()
      const client = server.connect({ protocols: ['chat'], headers: { origin: server.origin } })
      await expect.poll(() => client.closed, soon).toEqual({ code: 4403, reason: 'closed: not for you' })
      expect([client.received, client.refusal]).toEqual([[], null])
    })

    test('is a frame and a close code for a client of sallyport.v1', async () => {
      const { server } = await refusing()
      const client = server.connect({ protocols: ['sallyport.v1'] })
      await expect.poll(() => client.closed?.code, soon).toBe(4403)
      expect(client.received.map((frame) => JSON.parse(String(frame)) as unknown)).toMatchObject([
        { op: 'denied', status: 403, code: 'closed' },
      ])
    })

    test('is 503 when the application throws, and the fault is reported', async () => {
      const { server, faults } = await started(async () => {
        throw new Error('a fault of the application')
      })
      const client = server.connect()
      await expect.poll(() => client.refusal?.status, soon).toBe(503)
      expect(faults.map(String)).toEqual(['Error: a fault of the application'])
    })
  })

  describe('messages', () => {
    test('arrive in order at the server, text as text and bytes as bytes, with their size', async () => {
      const { open } = await accepting()
      const { client, peer } = await open()
      for (const payload of ['é', Uint8Array.of(0, 255), '', 'last']) client.send(payload)
      await expect
        .poll(() => peer.received, soon)
        .toEqual([
          ['é', 2],
          [Uint8Array.of(0, 255), 2],
          ['', 0],
          ['last', 4],
        ])
    })

    test('arrive in order at the client, shared packets and private ones alike', async () => {
      const { open } = await accepting()
      const [one, two] = [await open(), await open()]
      const shared = [new Packet('a'), new Packet(Uint8Array.of(1)), new Packet('c')]
      for (const packet of shared) {
        one.peer.connection.send(packet)
        one.peer.connection.send(new Packet('private'))
        two.peer.connection.send(packet)
      }
      await expect
        .poll(() => one.client.received, soon)
        .toEqual(['open', 'a', 'private', Uint8Array.of(1), 'private', 'c', 'private'])
      await expect.poll(() => two.client.received, soon).toEqual(['open', 'a', Uint8Array.of(1), 'c'])
    })

    test('are no answer to a ping: the pong is a sign of life', async () => {
      const { open } = await accepting()
      const { peer } = await open()
      peer.connection.ping()
      await expect.poll(() => peer.signs, soon).toBe(1)
      expect(peer.received).toEqual([])
    })

    test('at the bound pass, and one byte more closes with 1009: bytes count, not characters', async () => {
      const { open } = await accepting(() => {}, { limits: { messageBytes: 1_000 } })
      const { client, peer } = await open()
      client.send('é'.repeat(500))
      client.send('é'.repeat(500) + 'x')
      await expect.poll(() => client.closed?.code, soon).toBe(1009)
      await expect.poll(() => peer.ended.map(({ code }) => code), soon).toEqual([1009])
      expect(peer.received.map(([, bytes]) => bytes)).toEqual([1_000])
    })

    test('have the bound that was set last', async () => {
      const { open } = await accepting(({ connection }) => connection.bound(10))
      const { client, peer } = await open()
      client.send('x'.repeat(10))
      await expect.poll(() => peer.received.length, soon).toBe(1)
      peer.connection.bound(5)
      client.send('x'.repeat(6))
      await expect.poll(() => client.closed?.code, soon).toBe(1009)
    })

    test('whose receiver throws cost that connection alone, with 1011 and a report', async () => {
      const { open, faults } = await accepting(undefined, {}, (_, payload) => {
        if (payload === 'bad') throw new Error('a fault of the receiver')
      })
      const [bad, good] = [await open(), await open()]
      bad.client.send('bad')
      bad.client.send('late')
      await expect.poll(() => bad.client.closed?.code, soon).toBe(1011)
      good.client.send('fine')
      await expect.poll(() => good.peer.received, soon).toEqual([['fine', 4]])
      expect(bad.peer.received).toHaveLength(1)
      expect(faults.map(String)).toEqual(['Error: a fault of the receiver'])
    })
  })

  describe('a pause', () => {
    const pausing = () =>
      accepting(undefined, {}, ({ connection }, payload) => {
        if (payload === 'pause') connection.pause()
        if (payload === 'close') connection.close(4000, '')
      })
    const texts = ({ received }: Accepted): readonly unknown[] => received.map(([payload]) => payload)

    test('holds what follows, in order, until each resume', async () => {
      const { open } = await pausing()
      const { client, peer } = await open()
      for (const text of ['pause', 'b', 'pause', 'c']) client.send(text)
      await expect.poll(() => texts(peer), soon).toEqual(['pause'])
      for (let count = 0; count < 5; count++) await turn()
      expect(texts(peer)).toEqual(['pause'])
      peer.connection.resume()
      await expect.poll(() => texts(peer), soon).toEqual(['pause', 'b', 'pause'])
      peer.connection.resume()
      await expect.poll(() => texts(peer), soon).toEqual(['pause', 'b', 'pause', 'c'])
    })

    test('ends when the peer leaves: all that it has sent is delivered, then its end', async () => {
      const { open } = await pausing()
      const { client, peer } = await open()
      for (const text of ['pause', 'b', 'pause', 'c']) client.send(text)
      client.close(1000, '')
      // a connection that is paused may not be read: its receiver resumes, as it does when its queue is empty
      const endsAfterResume = (): readonly number[] => {
        peer.connection.resume()
        return peer.ended.map(({ code }) => code)
      }
      await expect.poll(endsAfterResume, soon).toEqual([1000])
      expect(texts(peer)).toEqual(['pause', 'b', 'pause', 'c'])
    })

    test('does not keep a connection that is closed', async () => {
      const { open } = await pausing()
      const { client, peer } = await open()
      peer.connection.pause()
      peer.connection.close(1012, 'restart')
      await expect.poll(() => peer.ended, soon).toEqual([{ code: 1012, reason: 'restart' }])
      await expect.poll(() => client.closed?.code, soon).toBe(1012)
    })

    test('that the receiver ends by closing delivers nothing more', async () => {
      const { open } = await pausing()
      const { client, peer } = await open()
      for (const text of ['pause', 'close', 'c']) client.send(text)
      await expect.poll(() => texts(peer), soon).toEqual(['pause'])
      peer.connection.resume()
      await expect.poll(() => peer.ended.map(({ code }) => code), soon).toEqual([4000])
      expect(texts(peer)).toEqual(['pause', 'close'])
    })
  })

  describe('an end', () => {
    test('of the client has its code and reason at the server, once', async () => {
      const { open } = await accepting()
      const { client, peer } = await open()
      client.close(4001, 'bye')
      await expect.poll(() => peer.ended, soon).toEqual([{ code: 4001, reason: 'bye' }])
      peer.connection.close(1000, '')
      peer.connection.terminate()
      peer.connection.send(new Packet('late'))
      for (let count = 0; count < 3; count++) await turn()
      expect(peer.ended).toHaveLength(1)
    })

    test('of the server has its code and reason at the client, after what was sent before', async () => {
      const { open } = await accepting()
      const { client, peer } = await open()
      peer.connection.send(new Packet('before'))
      peer.connection.close(4401, 'unauthenticated')
      peer.connection.send(new Packet('late'))
      peer.connection.close(4400, 'again')
      expect(peer.ended).toEqual([])
      await expect.poll(() => client.closed, soon).toEqual({ code: 4401, reason: 'unauthenticated' })
      await expect.poll(() => peer.ended, soon).toEqual([{ code: 4401, reason: 'unauthenticated' }])
      expect(client.received).toEqual(['open', 'before'])
    })

    test('by a cut is 1006 at the server', async () => {
      const { open, faults } = await accepting()
      const { client, peer } = await open()
      client.cut()
      await expect.poll(() => peer.ended, soon).toEqual([{ code: 1006, reason: '' }])
      expect(faults).toEqual([])
    })

    test('by terminate is 1006, and is not told within the call', async () => {
      const { open } = await accepting()
      const { client, peer } = await open()
      peer.connection.terminate()
      expect(peer.ended).toEqual([])
      await expect.poll(() => peer.ended, soon).toEqual([{ code: 1006, reason: '' }])
      await expect.poll(() => client.closed?.code, soon).toBe(1006)
    })
  })

  describe('a reader', () => {
    test('that has taken everything leaves nothing queued, and the drain is told later, once', async () => {
      const { open } = await accepting()
      const { client, peer } = await open()
      const told: string[] = []
      peer.connection.send(new Packet('x'.repeat(1_000)))
      peer.connection.whenDrained(() => told.push('replaced'))
      peer.connection.whenDrained(() => told.push('last'))
      expect(told).toEqual([])
      await expect.poll(() => told, soon).toEqual(['last'])
      await expect.poll(() => client.received.length, soon).toBe(2)
      await expect.poll(() => peer.connection.queued, soon).toBe(0)
      expect([peer.connection.isBehind, peer.connection.isFull]).toEqual([false, false])
      for (let count = 0; count < 3; count++) await turn()
      expect(told).toEqual(['last'])
    })

    test('that has ended is told of no drain', async () => {
      const { open } = await accepting()
      const { client, peer } = await open()
      client.cut()
      await expect.poll(() => peer.ended, soon).toHaveLength(1)
      let told = 0
      peer.connection.whenDrained(() => told++)
      for (let count = 0; count < 3; count++) await turn()
      expect(told).toBe(0)
    })

    test('that stops reading is closed with 4508, and the others receive everything', async (context) => {
      const { open } = await accepting(() => {}, { limits: { outboundBytes: 400_000 } })
      const [slow, fast] = [await open(), await open()]
      if (slow.client.stopReading === undefined) return context.skip('this client takes all at once')
      slow.client.stopReading()
      let sent = 0
      while (slow.peer.ended.length === 0 && sent < 5_000) {
        const packet = new Packet('x'.repeat(20_000))
        for (const { peer } of [slow, fast]) peer.connection.send(packet)
        sent++
        await turn()
      }
      expect(slow.peer.ended.map(({ code }) => code)).toEqual([4508])
      await expect.poll(() => fast.client.received.length, soon).toBe(sent + 1)
      expect(fast.peer.ended).toEqual([])
    })
  })

  test('a drain waits for a running handler, refuses new handshakes with 503 and closes with 1012', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
    const echo = consumer(
      contract('/ws/echo', { client: z.string(), server: z.string() }),
      { auth: anyone },
      (socket) => ({
        message: async (line) => {
          enter()
          await held
          socket.send(line)
        },
      }),
    )
    const { server } = await started(echo)
    const client = server.connect({ target: '/ws/echo', protocols: ['sallyport.v1'] })
    await expect.poll(() => client.received.length, soon).toBeGreaterThan(0)
    client.send('{"op":"msg","in":"/ws/echo","data":"hold"}')
    await entered
    const closing = server.close(30_000)
    const late = server.connect({ target: '/ws/echo' })
    await expect.poll(() => late.refusal?.status, soon).toBe(503)
    expect(client.closed).toBeNull()
    release()
    await closing
    await expect.poll(() => client.closed?.code, soon).toBe(1012)
  })
}
