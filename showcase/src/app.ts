import type { Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { memory, type Port, router, sallyport } from 'sallyport'
import { accessTokens } from './access-tokens.ts'
import { chatRooms } from './chat.ts'
import { clientAddress } from './client-address.ts'
import type { Config } from './config.ts'
import { type Database, openDatabase } from './database.ts'
import { doors } from './doors.ts'
import { type Front, listen } from './front.ts'
import { http } from './http.ts'
import { budget, signInLimiter, signUpAllowance, ticketAllowance } from './limiter.ts'
import { endWithMembership, liveSockets } from './live-sockets.ts'
import { logger } from './logger.ts'
import { messages } from './messages.ts'
import { type Metrics, metrics } from './metrics.ts'
import { allowedOrigins } from './origins.ts'
import type { Readiness } from './operations.ts'
import { builtPages } from './pages.ts'
import { argon2id, type PasswordBounds, type Passwords } from './passwords.ts'
import { people } from './people.ts'
import { rooms } from './rooms.ts'
import type { DemoUser } from './seed.ts'
import { socketLog, socketReporter } from './socket-log.ts'
import { prepare } from './startup.ts'
import { sweeping } from './sweep.ts'
import { ticketOffice } from './ticket.ts'
import { passwordGrant } from './token.ts'
import { who } from './who.ts'

/** What a test may put in place of the real thing. */
export interface AppOptions {
  readonly log?: Logger
  /** The directory of the built pages. */
  readonly pages?: string
  readonly passwords?: PasswordBounds
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
  /**
   * Stops: not ready any more; what is open is finished within the time (1 s unless said otherwise), then
   * cut.
   */
  close(withinMs?: number): Promise<void>
}

/**
 * Starts the server: listens, brings the database up to date, and answers 503 until that is done.
 *
 * @throws ConfigurationError when the port is taken or the database cannot be used
 * @example const app = await createApp(readConfig({ PORT: '0', DATABASE_URL: 'sqlite::memory:' }))
 */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const fittings = {
    log: options.log ?? logger(config.logLevel),
    pages: options.pages ?? builtPages,
    passwords: argon2id(options.passwords),
  }
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
  readonly passwords: Passwords
}

async function assemble({ config, front, database, log, pages, passwords }: Fittings): Promise<App> {
  const { server, url } = front
  const origins = allowedOrigins(config, url)
  const [live, layer, limiter] = [liveSockets(), memory(), signInLimiter()]
  const counts = metrics({ waiting: () => passwords.waiting, sockets: () => port.connections })
  const port = sallyport({
    layer,
    origins,
    proxies: config.trustProxy,
    on: socketLog(log, counts),
    report: socketReporter(log),
  })
  const { identity, demoUsers } = await prepare(config, {
    database,
    passwords,
    log,
    baseUrl: url,
    origins,
    port,
  })
  const store = {
    people: people(database),
    rooms: rooms(database, endWithMembership(live)),
    messages: messages(database),
  }
  const tokens = accessTokens(identity, url.origin)
  const asked = who(identity, tokens, store.people)
  const door = doors({
    identity,
    people: store.people,
    issuer: url.origin,
    layer,
  })
  port.serve(router([chatRooms({ ...store, auth: door.auth, live })]))
  port.attach(server)
  const readiness = { draining: false }
  const app = http({
    ...store,
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
    who: asked,
    token: config.passwordGrant
      ? passwordGrant({ identity, tokens, passwords, limiter, metrics: counts })
      : undefined,
    ticket: ticketOffice({ tickets: door.ticket, who: asked, origins, budget: budget(ticketAllowance) }),
    pages,
  })
  front.open(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  const close = stopping({ readiness, port, front, database, stopSweeping: sweeping(database, log) })
  return { server, url, database, metrics: counts, demoUsers, close }
}

interface Stoppable {
  readonly readiness: Readiness
  readonly port: Port
  readonly front: Front
  readonly database: Database
  readonly stopSweeping: () => void
}

/** Stops in order, and once: not ready, sockets, requests, database. */
function stopping({ readiness, port, front, database, stopSweeping }: Stoppable): App['close'] {
  const close = async (withinMs: number): Promise<void> => {
    readiness.draining = true
    stopSweeping()
    await port.close({ drain: withinMs })
    await front.close(withinMs)
    await database.close()
  }
  let closing: Promise<void> | undefined
  return (withinMs = 1_000) => (closing ??= close(withinMs))
}
