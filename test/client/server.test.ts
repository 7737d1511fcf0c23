import { describe, expect, test, vi } from 'vitest'
import { bearer, client, type ClientOptions, ticket } from '../../src/client/index.ts'
import {
  type Authenticator,
  consumer,
  deny,
  endpoint,
  type ServerOptions,
  type Server,
  router,
  sallyport,
} from '../../src/index.ts'
import { tickets } from '../../src/auth/tickets.ts'
import { article, chat, notes } from './contracts.ts'
import { manualClock } from './manual-clock.ts'
import { until } from './until.ts'

interface User {
  readonly id: string
  readonly name: string
}
const people: Readonly<Record<string, User>> = {
  'ada-key': { id: '1', name: 'Ada' },
  'bob-key': { id: '2', name: 'Bob' },
  'eve-key': { id: '3', name: 'Eve' },
}

const member: Authenticator<User> = async ({ credentials }) => {
  const key = credentials.of('bearer')
  if (key === null) return null
  return { user: people[key] ?? deny(401, 'unknown-key', 'This key opens nothing.') }
}

/** Everyone but Eve comes in, Bob may only read. */
const room = consumer(
  chat,
  {
    auth: member,
    authorize: ({ user }) => (user.name === 'Eve' ? null : { canWrite: user.name !== 'Bob' }),
    presence: ({ user }) => ({ name: user.name }),
  },
  (socket) => ({
    on: {
      say: ({ text }) => {
        if (!socket.grant.canWrite) deny(403, 'read-only', 'You may only read here.')
        return socket.group().send('said', { from: socket.user.name, text })
      },
      typing: () => socket.group().send('typing', { from: socket.user.name }, { except: socket }),
    },
    calls: {
      history: ({ before }, { signal }) => {
        if (before === undefined) return ['first', 'second']
        return new Promise<string[]>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            socket.group().send('said', { from: 'the server', text: 'cancelled' }).catch(reject)
            reject(signal.reason)
          })
        })
      },
    },
  }),
)

const echo = endpoint(notes, { auth: member }, async (socket) => {
  for await (const bytes of socket) socket.send(bytes)
})

interface Running extends AsyncDisposable {
  readonly url: string
  readonly server: Server
}

async function serving(options: ServerOptions = {}): Promise<Running> {
  const server = sallyport(options)
  server.serve(router([room, echo]))
  const { port: number } = await server.listen(0)
  return {
    url: `http://127.0.0.1:${number}`,
    server,
    [Symbol.asyncDispose]: () => server.close({ drain: 0 }),
  }
}

const as = (url: string, key: string, options: ClientOptions = {}) =>
  client({ url, credentials: bearer(() => key), clock: manualClock(), ...options })

describe('the client and the server', () => {
  test('what one says is acknowledged, and the room hears it', async () => {
    await using running = await serving()
    const app = as(running.url, 'ada-key')
    const ada = app.open(chat, { room: 'café' })
    const heard: string[] = []
    ada.on('said', ({ from, text }) => heard.push(`${from}: ${text}`))
    await ada.send('say', { text: 'hello' })
    await vi.waitFor(() => expect(heard).toEqual(['Ada: hello']))
    expect(ada.grant).toEqual({ canWrite: true })
    app.close()
  })

  // proves: mutual-eviction
  test('two devices under a cap of one evict each other once: the replaced one stays away', async () => {
    let accepted = 0
    await using running = await serving({
      limits: { connectionsPerIdentity: 1 },
      on: ({ type }) => void (type === 'accepted' && accepted++),
    })
    const clock = manualClock()
    const [laptop, phone] = [as(running.url, 'ada-key', { clock }), as(running.url, 'ada-key')]
    const first = laptop.open(chat, { room: 'lobby' })
    await until(first, 'open')
    const second = phone.open(chat, { room: 'lobby' })
    const { denial } = await until(first, 'denied')
    expect(denial).toMatchObject({ status: 409, code: 'replaced' })
    await until(second, 'open')
    clock.advance(3_600_000)
    expect([first.state, second.state, clock.pending, accepted]).toEqual(['denied', 'open', 0, 2])
    laptop.close()
    phone.close()
  })

  test('a denial of a handler reaches the one who sent', async () => {
    await using running = await serving()
    const app = as(running.url, 'bob-key')
    const bob = app.open(chat, { room: 'lobby' })
    const failed = bob.send('say', { text: 'hello' })
    await expect(failed).rejects.toMatchObject({
      status: 403,
      reason: 'read-only',
      message: 'You may only read here.',
    })
    expect(bob.state).toBe('open')
    app.close()
  })

  test('an invalid message is refused by the server', async () => {
    await using running = await serving()
    const app = as(running.url, 'ada-key')
    const ada = app.open(chat, { room: 'lobby' })
    // @ts-expect-error the compiler would have said so
    await expect(ada.send('say', { text: 5 })).rejects.toMatchObject({
      status: 400,
      reason: 'invalid-message',
    })
    app.close()
  })

  test('a call is answered', async () => {
    await using running = await serving()
    const app = as(running.url, 'ada-key')
    expect(await app.open(chat, { room: 'lobby' }).call('history', {})).toEqual(['first', 'second'])
    app.close()
  })

  test('a call that is given up is given up at the server', async () => {
    await using running = await serving()
    const app = as(running.url, 'ada-key')
    const ada = app.open(chat, { room: 'lobby' })
    const heard: string[] = []
    ada.on('said', ({ text }) => heard.push(text))
    await until(ada, 'open')
    const abort = new AbortController()
    const failed = ada.call('history', { before: 'x' }, { signal: abort.signal })
    abort.abort()
    await expect(failed).rejects.toMatchObject({ name: 'AbortError' })
    await vi.waitFor(() => expect(heard).toEqual(['cancelled']))
    app.close()
  })

  test('who comes is seen by those who are there', async () => {
    await using running = await serving()
    const first = as(running.url, 'ada-key')
    const ada = first.open(chat, { room: 'lobby' })
    await until(ada, 'open')
    const second = as(running.url, 'bob-key')
    const bob = second.open(chat, { room: 'lobby' })
    await until(ada, 'open', ({ members }) => members.length === 2)
    await until(bob, 'open', ({ members }) => members.length === 2)
    expect(ada.members.map(({ info }) => (info as { name: string }).name)).toEqual(['Ada', 'Bob'])
    first.close()
    second.close()
  })

  test('bytes come back as they went', async () => {
    await using running = await serving()
    const app = as(running.url, 'ada-key')
    const editor = app.open(notes)
    const heard: Uint8Array[] = []
    editor.on('message', (bytes) => heard.push(bytes))
    await editor.send(Uint8Array.of(0, 1, 254, 255))
    await vi.waitFor(() => expect(heard).toEqual([Uint8Array.of(0, 1, 254, 255)]))
    app.close()
  })

  test('a bad key is denied after one more try', async () => {
    await using running = await serving({ report: () => {} })
    const asked = vi.fn(() => 'no-such-key')
    const app = client({ url: running.url, credentials: bearer(asked), clock: manualClock() })
    const { denial } = await until(app.open(chat, { room: 'lobby' }), 'denied')
    expect(denial).toMatchObject({ status: 401, code: 'unknown-key', message: 'This key opens nothing.' })
    expect(denial?.ref).toEqual(expect.any(String))
    expect(asked).toHaveBeenCalledTimes(2)
  })

  test('who may not come in is denied', async () => {
    await using running = await serving()
    const { denial } = await until(as(running.url, 'eve-key').open(chat, { room: 'lobby' }), 'denied')
    expect(denial?.status).toBe(403)
  })

  test('an endpoint that is not served is denied', async () => {
    await using running = await serving()
    const { denial } = await until(as(running.url, 'ada-key').open(article), 'denied')
    expect(denial).toMatchObject({ status: 404, code: 'not-found' })
  })

  test('a ticket opens the path that it was made for', async () => {
    const server = sallyport()
    const ticketAuth = tickets<User>({ store: server.store, user: () => people['ada-key'] })
    server.serve(
      consumer(article, { auth: ticketAuth }, (socket) => ({
        message: ({ message }) => socket.send({ message: `${socket.user.name}: ${message}` }),
      })),
    )
    const { port: number } = await server.listen(0)
    const mint: typeof fetch = async (_url, init) => {
      const { path } = JSON.parse(init?.body as string) as { path: string }
      return Response.json(
        await ticketAuth.mint({ subject: 'user:1', issuedAt: new Date(0), origin: null, path }),
      )
    }
    const app = client({
      url: `ws://127.0.0.1:${number}`,
      credentials: ticket('http://127.0.0.1/', { fetch: mint }),
    })
    const opened = app.open(article)
    const heard: string[] = []
    opened.on('message', ({ message }) => heard.push(message))
    await opened.send({ message: 'hello' })
    await vi.waitFor(() => expect(heard).toEqual(['Ada: hello']))
    app.close()
    await server.close({ drain: 0 })
  })

  test('a server that drains is come back to within the time that it named, by another node', async () => {
    const running = await serving()
    const clock = manualClock()
    const app = as(running.url, 'ada-key', { clock, backoff: { random: () => 0.75 } })
    const ada = app.open(chat, { room: 'lobby' })
    await until(ada, 'open')
    await running.server.close({ drain: '4s' })
    expect((await until(ada, 'waiting')).retryAt).toBe(clock.now() + 3000)
    const next = sallyport()
    next.serve(room)
    await next.listen(Number(new URL(running.url).port))
    clock.advance(3000)
    await until(ada, 'open')
    app.close()
    await next.close({ drain: 0 })
  })

  test('a message above the limit of the endpoint is refused before it is sent', async () => {
    await using running = await serving({ limits: { messageBytes: 1000 } })
    const app = as(running.url, 'ada-key')
    const ada = app.open(chat, { room: 'lobby' })
    await until(ada, 'open')
    await expect(ada.send('say', { text: 'x'.repeat(1000) })).rejects.toMatchObject({
      code: 'ERR_INVALID_MESSAGE',
    })
    await ada.send('say', { text: 'x'.repeat(800) })
    app.close()
  })
})
