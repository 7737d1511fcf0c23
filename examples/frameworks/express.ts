// Express 5 with express-session and Passport: the socket reads the same session, `connect.sid`, from the same store.
import { createServer } from 'node:http'
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import { Strategy } from 'passport-local'
import { expressSession, followSessions } from 'sallyport/auth/express-session'
import { find, secret, type User, verify } from './people.ts'
import { attachRoom, type Site } from './room.ts'

declare module 'express-session' {
  interface SessionData {
    passport?: { user?: string }
  }
}

export function expressSite(): Site {
  const store = new session.MemoryStore()
  const login = new passport.Passport()
  login.use(new Strategy((username, password, done) => done(null, verify({ username, password }) ?? false)))
  login.serializeUser((user, done) => done(null, (user as User).id)) // the strategy gives a User
  login.deserializeUser((id, done) => done(null, find(id)))
  const app = express()
  const cookie = { httpOnly: true, sameSite: 'lax' } as const
  app.use(express.json(), session({ secret, store, cookie, resave: false, saveUninitialized: false }))
  app.use(login.initialize(), login.session())
  const owner = (found: session.SessionData) => found.passport?.user
  const authenticator = expressSession({ store, secret, user: (found) => find(owner(found)) })
  const site = attachRoom(createServer(app), authenticator)
  followSessions(store, site.server, { owner })
  app.post('/login', login.authenticate('local'), (_, response) => void response.sendStatus(204))
  app.post('/logout', (request, response, next) => {
    request.logout((error) => (error ? next(error) : response.sendStatus(204)))
  })
  app.post('/rooms/:room', async ({ session: own, params, body }, response) => {
    response.sendStatus(await site.say(params.room, find(owner(own)), body))
  })
  return site
}
