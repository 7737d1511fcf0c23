import type { Server as HttpServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { type Server, router, sallyport } from 'sallyport'
import { access } from './identity/access.ts'
import { accessTokens } from './identity/access-tokens.ts'
import { accountSocket } from './account/endpoint.ts'
import { auditSocket } from './audit/endpoint.ts'
import { type AuditTrail, auditTrail } from './audit/trail.ts'
import type { AuditWriter } from './audit/writer.ts'
import { chatRooms } from './chat/endpoint.ts'
import { clientAddress } from './http/client-address.ts'
import type { Config } from './config.ts'
import { account } from './account/contract.ts'
import { type Database, openDatabase } from './database/database.ts'
import { directory } from './admin/directory.ts'
import { socketAuth } from './identity/socket-auth.ts'
import { followMembership, rooms } from './chat/rooms.ts'
import { type HttpListener, listen } from './http/http-listener.ts'
import { http } from './routes.ts'
import {
  budget,
  newRoomAllowance,
  passwordChangeAllowance,
  signInLimiter,
  signUpAllowance,
  ticketAllowance,
} from './http/limiter.ts'
import { logger } from './operations/logger.ts'
import { messages } from './chat/messages.ts'
import { type Metrics, metrics } from './operations/metrics.ts'
import { allowedOrigins } from './http/origins.ts'
import { openSockets } from './account/open-sockets.ts'
import type { Readiness } from './operations/routes.ts'
import { builtPages } from './http/pages.ts'
import { argon2id, type PasswordBounds, type Passwords } from './identity/passwords.ts'
import { people } from './identity/people.ts'
import { sessions } from './account/sessions.ts'
import type { DemoUser } from './database/seed.ts'
import { socketLog, socketReporter } from './operations/socket-log.ts'
import { prepare } from './database/prepare.ts'
import { startSweeping } from './operations/sweep.ts'
import { ticketRoute } from './identity/ticket-route.ts'
import { passwordGrant } from './identity/password-grant.ts'
import { requestAuthenticator } from './identity/request-authenticator.ts'

/** What a test may put in place of the real thing. */
export interface AppOptions {
  readonly log?: Logger
  /** The directory of the built pages. */
  readonly pages?: string
  readonly passwords?: PasswordBounds
}

const mostAuditRows = 200_000

/** A running server. */
export interface App {
  readonly server: HttpServer
  /** The origin under which browsers reach it. */
  readonly url: URL
  readonly database: Database
  readonly metrics: Metrics
  /** Keeps what happens; flush it before looking. */
  readonly audit: AuditTrail
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
  const dependencies = {
    log: options.log ?? logger(config.logLevel),
    pages: options.pages ?? builtPages,
    passwords: argon2id(options.passwords),
  }
  const listener = await listen(config)
  try {
    const database = await openDatabase(config.database)
    return await assemble({ config, listener, database, ...dependencies }).catch(async (error: unknown) => {
      await database.close()
      throw error
    })
  } catch (error) {
    await listener.close(0)
    throw error
  }
}

interface AppDependencies {
  readonly config: Config
  readonly listener: HttpListener
  readonly database: Database
  readonly log: Logger
  readonly pages: string
  readonly passwords: Passwords
}

async function assemble({
  config,
  listener,
  database,
  log,
  pages,
  passwords,
}: AppDependencies): Promise<App> {
  const { server: httpServer, url } = listener
  const origins = allowedOrigins(config, url)
  const limiter = signInLimiter()
  const appMetrics = metrics({ waiting: () => passwords.waiting, sockets: () => server.connections })
  const trail = auditTrail(database, { server: () => server, log })
  const logEvent = socketLog(log, appMetrics)
  const server = sallyport({
    origins,
    proxies: config.trustProxy,
    on: (event) => {
      logEvent(event)
      trail.writer.record(event)
    },
    report: socketReporter(log),
    // the log has the event
    ...(config.production ? { warn: false } : {}),
  })
  const sessionAccess = access(server)
  const { identity, demoUsers } = await prepare(config, {
    database,
    passwords,
    log,
    baseUrl: url,
    origins,
    server: sessionAccess,
  })
  const store = {
    people: people(database),
    rooms: rooms(database, followMembership(sessionAccess)),
    messages: messages(database),
  }
  const sockets = openSockets((user) => void server.user(account, user).send('changed', {}))
  const userSessions = sessions(database, sockets, (error) => log.error({ err: error }, 'session not noted'))
  const tokens = accessTokens(identity, url.origin)
  const authenticate = requestAuthenticator(identity, tokens, store.people)
  const socketCredentials = socketAuth({
    identity,
    people: store.people,
    issuer: url.origin,
    store: server.store,
  })
  const endpointParts = { auth: socketCredentials.auth, sockets }
  server.serve(
    router([
      chatRooms({ ...store, ...endpointParts, markActive: userSessions.markActive }),
      accountSocket(endpointParts),
      auditSocket(endpointParts),
    ]),
  )
  server.attach(httpServer)
  const readiness = { draining: false }
  const app = http({
    ...store,
    log,
    baseUrl: url,
    origins,
    clientAddress: clientAddress(config.trustProxy),
    metrics: appMetrics,
    metricsToken: config.metricsToken,
    readiness,
    identity,
    limiter,
    signUps: budget(signUpAllowance),
    newRooms: budget(newRoomAllowance),
    passwordChanges: budget(passwordChangeAllowance),
    directory: directory(database),
    sessions: userSessions,
    sockets,
    access: sessionAccess,
    auditLog: trail.log,
    auditWriter: trail.writer,
    authenticate,
    token: config.passwordGrant
      ? passwordGrant({ identity, tokens, passwords, limiter, metrics: appMetrics })
      : undefined,
    ticket: ticketRoute({
      tickets: socketCredentials.ticket,
      authenticate,
      origins,
      budget: budget(ticketAllowance),
    }),
    pages,
  })
  listener.open(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  const keep = { days: config.auditDays, rows: mostAuditRows }
  const stopSweeping = startSweeping({ database, auditLog: trail.log, keep }, log)
  const close = closer({ readiness, server, listener, database, audit: trail.writer, stopSweeping })
  return { server: httpServer, url, database, metrics: appMetrics, audit: trail, demoUsers, close }
}

interface Closable {
  readonly readiness: Readiness
  readonly server: Server
  readonly listener: HttpListener
  readonly database: Database
  readonly audit: Pick<AuditWriter, 'close'>
  readonly stopSweeping: () => void
}

/** Stops in order, and once: not ready, sockets, requests, database. */
function closer({ readiness, server, listener, database, audit, stopSweeping }: Closable): App['close'] {
  const close = async (withinMs: number): Promise<void> => {
    readiness.draining = true
    stopSweeping()
    await server.close({ drain: withinMs })
    await listener.close(withinMs)
    await audit.close()
    await database.close()
  }
  let closing: Promise<void> | undefined
  return (withinMs = 1_000) => (closing ??= close(withinMs))
}
