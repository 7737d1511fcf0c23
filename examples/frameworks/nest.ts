// NestJS 11 on Express, with express-session. Decorators are called as the functions they are: Node runs this file as is.
import { Controller, HttpCode, HttpException, Param, Post, Req } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import session from 'express-session'
import { expressSession, followSessions } from 'sallyport/auth/express-session'
import { find, secret } from './people.ts'
import { attachRoom, type Site } from './room.ts'
import { type SessionRequest, signIn, signOut, user } from './signing-in.ts'

export async function nestSite(): Promise<Site> {
  class Rooms {
    async login(request: SessionRequest): Promise<void> {
      answer(await signIn(request))
    }
    async logout(request: SessionRequest): Promise<void> {
      answer(await signOut(request))
    }
    async say({ session: own, body }: SessionRequest, room: string): Promise<void> {
      answer(await site.say(room, find(own.userId), body))
    }
  }
  const answer = (status: number): void => {
    if (status !== 204) throw new HttpException('refused', status)
  }
  Reflect.decorate([Controller()], Rooms)
  for (const [name, path] of Object.entries({ login: 'login', logout: 'logout', say: 'rooms/:room' })) {
    const method = Reflect.getOwnPropertyDescriptor(Rooms.prototype, name)
    Reflect.decorate([Post(path), HttpCode(204)], Rooms.prototype, name, method)
    for (const [at, of] of [Req(), Param('room')].entries()) of(Rooms.prototype, name, at)
  }
  const store = new session.MemoryStore()
  const app = await NestFactory.create({ module: Rooms, controllers: [Rooms] }, { logger: false })
  app.use(session({ secret, store, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }))
  const site = attachRoom(app.getHttpServer(), expressSession({ store, secret, user }))
  followSessions(store, site.server)
  await app.init()
  return site
}
