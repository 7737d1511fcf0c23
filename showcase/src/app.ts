import type { Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { accessTokens } from './access-tokens.ts'
import { clientAddress } from './client-address.ts'
import type { Config } from './config.ts'
import { type Database, openDatabase } from './database.ts'
import { type Front, listen } from './front.ts'
import { http } from './http.ts'
import { budget, signInLimiter, signUpAllowance } from './limiter.ts'
import { logger } from './logger.ts'
import { messages } from './messages.ts'
import { type Metrics, metrics } from './metrics.ts'
import { allowedOrigins } from './origins.ts'
import { builtPages } from './pages.ts'
import { argon2id } from './passwords.ts'
import { people } from './people.ts'
import { rooms } from './rooms.ts'
import type { DemoUser } from './seed.ts'
import { prepare } from './startup.ts'
import { passwordGrant } from './token.ts'
import { who } from './who.ts'

/** What a test may put in place of the real thing. */
export interface AppOptions {
  readonly log?: Logger
  /** The directory of the built pages. */
  readonly pages?: string
}

/** A running server. */
export interface App {
  readonly server: Server
  /** The origin under which browsers reach it. */
  readonly url: URL
  readonly database: Database
  readonly metrics: Metrics
  /** The demonstration's people, when this start has made them. */
  readonly demoUsers: readonly DemoUser[]
  /** Stops: not ready any more; what is open is finished within the time (1 s unless said otherwise), then cut. */
  close(withinMs?: number): Promise<void>
}

/**
 * Starts the server: listens, brings the database up to date, and answers 503 until that is done.
 *
 * @throws ConfigurationError when the port is taken or the database cannot be used
 * @example const app = await createApp(readConfig({ PORT: '0', DATABASE_URL: 'sqlite::memory:' }))
 */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const fittings = { log: options.log ?? logger(config.logLevel), pages: options.pages ?? builtPages }
  const front = await listen(config)
  try {
    const database = await openDatabase(config.database)
    return await assemble({ config, front, database, ...fittings }).catch(async (error: unknown) => {
      await database.close()
      throw error
    })
  } catch (error) {
    await front.close(0)
    throw error
  }
}

interface Fittings {
  readonly config: Config
  readonly front: Front
  readonly database: Database
  readonly log: Logger
  readonly pages: string
}

async function assemble({ config, front, database, log, pages }: Fittings): Promise<App> {
  const { server, url } = front
  const passwords = argon2id()
  const counts = metrics(() => passwords.waiting)
  const origins = allowedOrigins(config, url)
  const events = { sessionEnded: () => {}, userChanged: () => {} }
  const { identity, demoUsers } = await prepare(config, {
    database,
    passwords,
    log,
    baseUrl: url,
    origins,
    events,
  })
  const persons = people(database)
  const tokens = accessTokens(identity, url.origin)
  const limiter = signInLimiter()
  const readiness = { draining: false }
  const app = http({
    log,
    baseUrl: url,
    origins,
    clientAddress: clientAddress(config.trustProxy),
    metrics: counts,
    metricsToken: config.metricsToken,
    readiness,
    identity,
    limiter,
    signUps: budget(signUpAllowance),
    rooms: rooms(database),
    messages: messages(database),
    people: persons,
    who: who(identity, tokens, persons),
    token: config.passwordGrant ? passwordGrant({ identity, tokens, passwords, limiter }) : undefined,
    pages,
  })
  front.open(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  let closing: Promise<void> | undefined
  const close = async (withinMs: number): Promise<void> => {
    readiness.draining = true
    await front.close(withinMs)
    await database.close()
  }
  return {
    server,
    url,
    database,
    metrics: counts,
    demoUsers,
    close: (withinMs = 1_000) => (closing ??= close(withinMs)),
  }
}
