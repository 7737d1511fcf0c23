// Hono on Node with @hono/session and a storage: its cookie is an encrypted token that holds the id of the session.
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { type SessionEnv, useSession, useSessionStorage } from '@hono/session'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { jwtDecrypt } from 'jose'
import { sessions } from 'sallyport/auth/sessions'
import { find, secret, verify } from './people.ts'
import { attachRoom, type Site } from './room.ts'
import { type StoredSession, storage } from './storage.ts'

export function honoSite(): Site {
  const kept = storage((session) => site.server.revoke({ session, reason: 'signed out' }))
  const key = Buffer.from(secret, 'base64url')
  const open = (token: string) => jwtDecrypt<{ sid: string }>(token, key).catch(() => null)
  const load = async (token: string) => kept.get((await open(token))?.payload.sid ?? '')
  const auth = sessions({ cookie: 'sid', load, id: ({ name }) => name, user: ({ userId }) => find(userId) })
  const app = new Hono<SessionEnv<StoredSession>>().use(bodyLimit({ maxSize: 16_384 }))
  app.use(useSessionStorage({ ...kept, delete: (sid) => void kept.end(sid) }), useSession({ secret: key }))
  const site = attachRoom(createAdaptorServer(app) as Server, auth) // of node:http, without options for TLS
  app.post('/login', async ({ req, body, var: { session } }) => {
    const person = verify(await req.json().catch(() => null))
    if (person === null) return body(null, 401)
    await session.get()
    if (session.id) await kept.end(session.id) // update() would keep the id, which an attacker may have planted
    await session.update({ userId: person.id })
    return body(null, 204)
  })
  app.post('/logout', async ({ body, var: { session } }) => {
    await session.get()
    session.delete()
    return body(null, 204)
  })
  app.post('/rooms/:room', async ({ req, body, var: { session } }) => {
    const from = find((await session.get())?.userId)
    return body(null, await site.say(req.param('room'), from, await req.json().catch(() => null)))
  })
  return site
}
