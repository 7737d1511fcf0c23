import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import {
  type Authenticator,
  consumer,
  contract,
  deny,
  type ServerOptions,
  router,
  sallyport,
  text,
} from '../../../src/index.ts'
import { closeAfterTest } from '../../support/close-after-test.ts'

// One denial has two forms: a status with a body for a client that can read it, a close code for one that cannot.
const everyone: Authenticator<{ id: string }> = async ({ credentials }) =>
  credentials.of('bearer') === null ? null : { user: { id: '7' } }

/** Refuses with the status in the path. */
const refusing = consumer(
  contract('/ws/refuse/:status', { client: text, server: text }),
  {
    auth: everyone,
    authorize: ({ params }): boolean =>
      deny(Number(params.status), 'because', 'for a reason', {
        retryAfterMs: 1_500,
        detail: 'for operators',
      }),
  },
  () => ({ message: () => {} }),
)

/** The same, with a challenge of its own. */
const challenging = consumer(
  contract('/ws/challenge/:status', {}),
  {
    auth: everyone,
    authorize: ({ params }): boolean =>
      deny(Number(params.status), 'because', 'for a reason', { challenge: 'Bearer scope="more"' }),
  },
  () => ({}),
)

async function serving(options: ServerOptions = {}): Promise<string> {
  const server = sallyport({ report: () => {}, ...options })
  closeAfterTest(server)
  server.serve(router([refusing, challenging]))
  const { port: number } = await server.listen(0)
  return `ws://127.0.0.1:${number}`
}

interface Face {
  readonly status?: number
  readonly headers?: IncomingMessage['headers']
  readonly body?: unknown
  readonly code?: number
  readonly reason?: string
  readonly protocol?: string
  readonly frames?: readonly unknown[]
}

/** What someone who is refused gets to see. */
async function face(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  protocols: string[] = [],
): Promise<Face> {
  const ws = new WebSocket(url, protocols, { headers })
  const frames: unknown[] = []
  ws.on('error', () => {}).on('message', (data: Buffer) => frames.push(JSON.parse(data.toString())))
  const refused = once(ws, 'unexpected-response').then(async ([, response]): Promise<Face> => {
    const { statusCode: status = 0, headers: answered } = response as IncomingMessage
    const body: unknown = JSON.parse((await (response as IncomingMessage).toArray()).join(''))
    return { status, headers: answered, body }
  })
  const closed = once(ws, 'close').then(([code, reason]: unknown[]): Face => ({
    code: Number(code),
    reason: String(reason),
    protocol: ws.protocol,
    frames,
  }))
  return Promise.race([refused, closed])
}

const bearer = { authorization: 'Bearer x' }

describe.each([401, 403, 404, 409, 429, 503, 418])('a denial of %i', (status) => {
  test('is a status with a problem body to a program', async () => {
    const url = await serving()
    const { headers, body, ...seen } = await face(`${url}/ws/refuse/${status}`, bearer)
    expect(seen).toEqual({ status })
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '2' })
    expect(headers?.['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined)
    expect(body).toMatchObject({ type: 'about:blank', status, code: 'because', detail: 'for a reason' })
    expect(JSON.stringify(body)).not.toContain('operators')
  })

  test('is a close code to a page, which reads no status', async () => {
    const url = await serving()
    const origin = url.replace('ws:', 'http:')
    expect(await face(`${url}/ws/refuse/${status}`, { ...bearer, origin }, ['chat'])).toEqual({
      code: 4000 + status,
      reason: 'because: for a reason',
      protocol: 'chat',
      frames: [],
    })
  })

  test('is a frame and a close code to a client that speaks sallyport.v1', async () => {
    const url = await serving()
    const seen = await face(`${url}/ws/refuse/${status}`, bearer, ['sallyport.v1'])
    expect(seen).toMatchObject({ code: 4000 + status, protocol: 'sallyport.v1' })
    expect(seen.frames).toEqual([
      {
        op: 'denied',
        in: `/ws/refuse/${status}`,
        status,
        code: 'because',
        message: 'for a reason',
        retryAfterMs: 1_500,
        ref: expect.any(String) as unknown,
      },
    ])
  })

  test('is a status to anyone who asks for a problem body', async () => {
    const url = await serving()
    const origin = url.replace('ws:', 'http:')
    const accept = 'text/html, application/problem+json;q=0.9'
    const seen = await face(`${url}/ws/refuse/${status}`, { ...bearer, origin, accept }, ['sallyport.v1'])
    expect(seen.status).toBe(status)
  })
})

test.each([
  [401, 'is told to a program', 'Bearer scope="more"'],
  [403, 'is told to a program', 'Bearer scope="more"'],
  [429, 'is not told: no other credential would help', undefined],
  [503, 'is not told: no other credential would help', undefined],
])('a challenge with a denial of %i %s', async (status, _, challenge) => {
  const url = await serving()
  const { headers } = await face(`${url}/ws/challenge/${status}`, bearer)
  expect(headers?.['www-authenticate']).toBe(challenge)
})

describe('even to a page it is a status, before the upgrade', () => {
  const page = (url: string): Record<string, string> => ({ origin: url.replace('ws:', 'http:') })

  test('that another site is refused', async () => {
    const url = await serving()
    const seen = await face(`${url}/ws/refuse/409`, { ...bearer, origin: 'https://evil.example' }, [
      'sallyport.v1',
    ])
    expect(seen).toMatchObject({ status: 403, body: { code: 'origin-not-allowed' } })
  })

  test('that the server does not answer under this name', async () => {
    const url = await serving({ hosts: ['app.example'] })
    const seen = await face(`${url}/ws/refuse/409`, { ...bearer, host: 'evil.example' }, ['sallyport.v1'])
    expect(seen).toMatchObject({ status: 403, body: { code: 'host-not-allowed' } })
    const known = await face(`${url}/ws/refuse/409`, { ...bearer, host: 'app.example' })
    expect(known).toMatchObject({ status: 409 })
  })

  test('that a request is malformed', async () => {
    const url = await serving()
    const seen = await face(`${url}/ws/refuse/409?token=x`, page(url))
    expect(seen).toMatchObject({ status: 400, body: { code: 'bad-credential' } })
  })

  test('that it speaks another version', async () => {
    const url = await serving()
    const ws = new WebSocket(`${url}/ws/refuse/409`, { headers: page(url), protocolVersion: 8 })
    ws.on('error', () => {})
    const [, response] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage]
    expect([response.statusCode, response.headers['sec-websocket-version']]).toEqual([426, '13'])
  })

  test('that its address is over its budget', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const server = sallyport({ limits: { handshakesAtOnce: 1, handshakesWaiting: 1 } })
    closeAfterTest(server)
    server.serve(async () => {
      await held
      deny(403, 'over')
    })
    const { port: number } = await server.listen(0)
    const url = `ws://127.0.0.1:${number}`
    const pages = [1, 2, 3].map(() => face(url, page(url)))
    const seen = await Promise.race(pages)
    expect(seen).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, body: { code: 'busy' } })
    release()
    await Promise.all(pages)
  })
})
