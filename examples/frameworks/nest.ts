// NestJS 11 on Express, with express-session. Decorators are called as the functions they are: Node runs this file as is.
import 'reflect-metadata'
import { promisify } from 'node:util'
import { Body, Controller, HttpCode, Param, Post, Req, UnauthorizedException } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import session from 'express-session'
import { sessions } from 'sallyport/auth/sessions'
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
    async say(request: Asked, body: unknown, room: string): Promise<void> {
      const person = find(request.session.userId)
      if (person === null) throw new UnauthorizedException()
      await site.port.group(chat, { room }).send('said', { from: person.name, ...text.parse(body) })
    }
  }
  Reflect.decorate([Controller()], Rooms)
  for (const [name, path] of Object.entries({ login: '/login', say: '/rooms/:room' })) {
    const method = Reflect.getOwnPropertyDescriptor(Rooms.prototype, name)
    Reflect.decorate([Post(path), HttpCode(204)], Rooms.prototype, name, method)
    for (const [at, of] of [Req(), Body(), Param('room')].entries()) of(Rooms.prototype, name, at)
  }
  const store = new session.MemoryStore()
  const get = promisify(store.get.bind(store))
  const app = await NestFactory.create({ module: Rooms, controllers: [Rooms] }, { logger: false })
  app.use(session({ secret, store, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }))
  const load = async (id: string) => (await get(id)) as Kept | null | undefined
  const door = sessions({ cookie: 'connect.sid', secret, load, user: ({ userId }) => find(userId) })
  const site = attachRoom(app.getHttpServer(), door)
  await app.init()
  return site
}
