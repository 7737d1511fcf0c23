import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { chat, type User } from '../../examples/fastapi/tokens.ts'
import type { Server } from '../../src/index.ts'
import { listen, refusal } from '../examples/running.ts'
import { type PythonSite, pythonSite } from '../support/python-site.ts'
import { available } from '../support/require.ts'

const secretKey = randomBytes(32).toString('hex')
const internal = randomBytes(20).toString('hex')
const password = 'secret of a tutorial'

describe.runIf(available('fastapi'))("the server of FastAPI's tutorial", () => {
  let site: PythonSite
  let server: Server
  let room: string

  const ask = (path: string, method = 'GET'): Promise<Response> =>
    fetch(`${site.url}/users/${path}`, { method, headers: { 'X-Internal': internal } })
  const find = async (username: string): Promise<User | null> => {
    const answer = await ask(username)
    return answer.ok ? ((await answer.json()) as User) : null
  }
  const token = async (username: string, scope: string): Promise<Record<string, string>> => {
    const body = new URLSearchParams({ grant_type: 'password', username, password, scope })
    const answer = await fetch(`${site.url}/token`, { method: 'POST', body })
    expect(answer.status).toBe(200)
    const { access_token } = (await answer.json()) as { access_token: string }
    return { Authorization: `Bearer ${access_token}` }
  }

  beforeAll(async () => {
    site = await pythonSite('test/support/fastapi-site/site.py', {
      SECRET_KEY: secretKey,
      INTERNAL_KEY: internal,
      PASSWORD: password,
    })
    server = chat(secretKey, find)
    room = `ws://127.0.0.1:${(await server.listen(0)).port}/ws/chat/lobby`
  })
  afterAll(async () => {
    await server?.close({ drain: 100 })
    await site?.stop()
  })

  test('opens the room with a token that has the scope', async () => {
    const socket = new Ws(room, { headers: await token('johndoe', 'me chat:write') })
    const talk = listen(socket)
    socket.on('open', () => socket.send('hello'))
    expect(await talk.next()).toBe('johndoe: hello')
  })

  test('opens none without the scope, and says which it takes', async () => {
    for (const scope of ['', 'me chat:read'])
      expect(await refusal(room, await token('johndoe', scope))).toMatchObject({
        status: 403,
        body: { code: 'missing-scope' },
        challenge: 'Bearer error="insufficient_scope", scope="chat:write"',
      })
  })

  test('opens none once the user is disabled, and closes what is open when it is asked again', async () => {
    const headers = await token('alice', 'chat:write')
    const socket = new Ws(room, { headers })
    const { next, ended } = listen(socket)
    socket.on('open', () => socket.send('hello'))
    expect(await next()).toBe('alice: hello')
    expect((await ask('alice/disable', 'POST')).status).toBe(200)
    expect(await server.recheck({ user: 'alice' })).toMatchObject({ closed: 1 })
    expect((await ended).code).toBe(4401)
    expect(await refusal(room, headers)).toMatchObject({ status: 401, body: { code: 'invalid-token' } })
  })

  test('opens none with a token that was altered', async () => {
    const { Authorization = '' } = await token('johndoe', 'chat:write')
    const [head = '', body = '', signature = ''] = Authorization.split('.')
    const other = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    expect(await refusal(room, { Authorization: other })).toMatchObject({ status: 401 })
  })

  test('refuses a revoked user, also with a new token, because its tokens have no issue time', async () => {
    await server.revoke({ user: 'johndoe', reason: 'stolen' })
    const headers = await token('johndoe', 'chat:write')
    expect(await refusal(room, headers)).toMatchObject({ status: 403, body: { code: 'revoked' } })
  })
})
