// Hono on Node with @hono/session and a storage: its cookie is an encrypted token that holds the id of the session.
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { type SessionEnv, useSession, useSessionStorage } from '@hono/session'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { csrf } from 'hono/csrf'
import { jwtDecrypt } from 'jose'
import { fingerprint, sessions } from 'sallyport/auth/sessions'
import { attachRoom, chat, find, secret, type Site, text, verify } from './room.ts'

type Kept = { sid: string; userId: string }
export function honoSite(): Site {
  const kept = new Map<string, Kept>()
  const get = (sid: string) => kept.get(sid) ?? null
  const set = (sid: string, data: Kept) => void kept.set(sid, { ...data, sid })
  const end = (sid: string) =>
    void (kept.delete(sid) && site.port.revoke({ session: fingerprint(sid), reason: 'signed out' }))
  const key = Buffer.from(secret, 'base64url')
  const open = (token: string) => jwtDecrypt<{ sid: string }>(token, key).catch(() => null)
  const load = async (token: string) => get((await open(token))?.payload.sid ?? '')
  const id = ({ sid }: Kept) => fingerprint(sid)
  const user = ({ userId }: Kept) => find(userId)
  const app = new Hono<SessionEnv<Kept>>()
  app.use(csrf(), bodyLimit({ maxSize: 16_384 }))
  app.use(useSessionStorage({ get, set, delete: end }), useSession({ secret: key }))
  const door = sessions({ cookie: 'sid', load, id, user })
  // without options for TLS or HTTP/2 the adaptor makes a server of node:http
  const site = attachRoom(createAdaptorServer(app) as Server, door)
  app.post('/login', async ({ req, body, var: { session } }) => {
    const { username, password } = await req.json<Record<string, unknown>>()
    const person = verify(username, password)
    // update() keeps the id of a session that is there, and somebody may have planted it
    if (person === null || (await session.get()) !== null) return body(null, 401)
    await session.update({ sid: '', userId: person.id })
    return body(null, 204)
  })
  app.post('/logout', async ({ body, var: { session } }) => {
    await session.get()
    session.delete()
    return body(null, 204)
  })
  app.post('/rooms/:room', async ({ req, body, var: { session } }) => {
    const person = find((await session.get())?.userId)
    if (person === null) return body(null, 401)
    const said = { from: person.name, ...text.parse(await req.json()) }
    await site.port.group(chat, req.param()).send('said', said)
    return body(null, 204)
  })
  return site
}
