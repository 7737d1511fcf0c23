// NestJS 11 on Express, with express-session. Decorators are called as the functions they are: Node runs this file as is.
import 'reflect-metadata'
import { promisify } from 'node:util'
import { Body, Controller, HttpCode, Param, Post, Req, UnauthorizedException } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import session from 'express-session'
import { expressSession, followSessions } from 'sallyport/auth/express-session'
import { attachRoom, chat, find, secret, type Site, text, verify } from './room.ts'

type Kept = { userId?: string }
type Asked = { session: session.Session & Kept }
export async function nestSite(): Promise<Site> {
  class Rooms {
    async login(request: Asked, body: { username: string; password: string }): Promise<void> {
      const person = verify(body.username, body.password)
      if (person === null) throw new UnauthorizedException()
      await promisify(request.session.regenerate.bind(request.session))()
      request.session.userId = person.id
    }
    async logout({ session: old }: Asked): Promise<void> {
      await promisify(old.destroy.bind(old))()
    }
    async say(request: Asked, body: unknown, room: string): Promise<void> {
      const person = find(request.session.userId)
      if (person === null) throw new UnauthorizedException()
      await site.port.group(chat, { room }).send('said', { from: person.name, ...text.parse(body) })
    }
  }
  Reflect.decorate([Controller()], Rooms)
  for (const [name, path] of Object.entries({ login: 'login', logout: 'logout', say: 'rooms/:room' })) {
    const method = Reflect.getOwnPropertyDescriptor(Rooms.prototype, name)
    Reflect.decorate([Post(path), HttpCode(204)], Rooms.prototype, name, method)
    for (const [at, of] of [Req(), Body(), Param('room')].entries()) of(Rooms.prototype, name, at)
  }
  const store = new session.MemoryStore()
  const app = await NestFactory.create({ module: Rooms, controllers: [Rooms] }, { logger: false })
  app.use(session({ secret, store, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }))
  const user = ({ userId }: session.SessionData & Kept) => find(userId)
  const site = attachRoom(app.getHttpServer(), expressSession({ store, secret, user }))
  followSessions(store, site.port)
  await app.init()
  return site
}
