import { hash } from 'node:crypto'
import { newId } from './core/runtime/id.ts'
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { admit } from './core/admission/admit.ts'
import { type Application } from './core/api/handshake.ts'
import { type ServerContext, serverContext as server } from './core/server-context.ts'
import type { Identity } from './core/api/identity.ts'
import { accountsUnder } from './core/access/account.ts'
import { TimerQueue } from './core/runtime/timer-queue.ts'
import { KeyedRateLimiter } from './core/runtime/keyed-rate-limiter.ts'
import { Backlog } from './core/access/backlog.ts'
import { aClock, type Clock, systemClock, type Timer } from './wire/clock.ts'
import { type Carriers } from './core/api/credentials.ts'
import { checkedCarriers } from './core/access/credentials.ts'
import { debugOutput } from './core/admission/debug-output.ts'
import { FailedAttempts } from './core/access/failed-attempts.ts'
import { SingleFlight } from './core/runtime/single-flight.ts'
import { HandshakeQueue } from './core/access/handshake-queue.ts'
import { Groups } from './core/groups/groups.ts'
import type { Layer, Store } from './core/api/layer.ts'
import { LayerConnection } from './core/groups/layer-connection.ts'
import { type Limits, limitsWith } from './core/api/limits.ts'
import { messengerOf } from './core/server-messenger.ts'
import { type OriginRules, type Origins, originRules } from './core/access/origin.ts'
import type { Messenger } from './core/api/messenger.ts'
import { AccessCommands } from './core/access/access-commands.ts'
import { Presence } from './core/groups/presence.ts'
import { Registry } from './core/access/registry.ts'
import { type EventSink, type Reporter, safely } from './core/api/events.ts'
import { RepeatedFaults } from './core/runtime/repeated-faults.ts'
import { Revocations } from './core/access/revocations.ts'
import type { Tracer } from './core/api/tracer.ts'
import { warnings } from './core/admission/warnings.ts'
import { memory } from './layers/memory.ts'
import { type AttachOptions, nodeTransport } from './transports/node/index.ts'
import { Denial } from './wire/errors.ts'
import { type Duration, milliseconds } from './wire/duration.ts'
import { isBytes } from './wire/is-bytes.ts'
import {
  aBoolean,
  aDuration,
  aFunction,
  anObject,
  aString,
  assertKind,
  checkedOptions,
  aText,
  either,
  having,
  type OptionKind,
  type OptionKinds,
  oneOf,
  strings,
  wholeFrom,
} from './wire/options.ts'

export type { AttachOptions }

/** What a server is made with; everything has a sane default. */
export interface ServerOptions {
  /** What lies beneath groups; `memory()` when left out: this process alone. */
  readonly layer?: Layer
  /**
   * Exact origins whose pages may open sockets, such as `https://app.example`, or of an app, such as `capacitor://localhost`; or a
   * function that decides. Same origin when left out. `null` and `file://` tell nothing about who made a page: where they are
   * listed, a cookie proves nothing beside them.
   */
  readonly origins?: Origins
  /** The host names under which the server answers, beside loopback and the hosts of listed http origins; any when there are none. */
  readonly hosts?: readonly string[]
  /**
   * Addresses or CIDR ranges of proxies whose forwarded headers count, and `unix` for a proxy that comes over a socket of the file
   * system, which nobody else may be able to open; none when left out.
   */
  readonly proxies?: readonly string[]
  /** The tenant of an identity: part of every group's name, never taken from the client. One for all when left out. */
  readonly tenant?: (identity: Identity<unknown>) => string
  /** Carriers for credentials that are closed unless asked for: query parameters, first messages; and API key headers. */
  readonly carriers?: Carriers
  /** Bounds to change; see `defaultLimits`. */
  readonly limits?: Partial<Limits>
  /**
   * What becomes of a connection beyond `limits.connectionsPerIdentity`: `evict`, which is the default, lets it in and
   * closes the oldest with 4409; `refuse` answers it 429. A cap that refuses locks out people with many tabs.
   */
  readonly whenFull?: 'evict' | 'refuse'
  /**
   * What becomes of open sockets when their node has not been able to read for 30 s what was revoked. `ask`, which is the default, asks
   * both doors again, every 30 s, and closes with 4503 what cannot be asked about; `close` closes all with 4503; `stay` lets all stay.
   * Nobody new is let in, whatever it says.
   */
  readonly whenBlind?: 'ask' | 'close' | 'stay'
  readonly clock?: Clock
  /** Hears of unexpected errors, in one place; `console.error` when left out. */
  readonly report?: Reporter
  /**
   * Prints once for each cause what is misconfigured, and in development (`NODE_ENV` is not `production`) what was refused by origin,
   * host, path or as malformed, with the line of configuration that would allow it, and which messages are slow to validate. A function gets the text in place of
   * `console.warn`; `false` says nothing. `true` when left out, but for tests (`NODE_ENV` is `test`).
   */
  readonly warn?: boolean | ((message: string) => void)
  /** Hears of what happens at the doors and inside, without secrets. */
  readonly on?: EventSink
  /** Follows handshakes, messages and sends through a trace, such as `otel()` of `sallyport/otel`; nothing does when left out. */
  readonly tracer?: Tracer
  /**
   * For how long revocations are remembered: at least as long as the longest-lived credential; 24 hours when left out. The
   * same on every node of a layer.
   */
  readonly remember?: Duration
  /** The name of this process among its peers; random when left out. */
  readonly node?: string
  /** Whether what the server sends is checked against its contract too; off, and on in tests. */
  readonly checkOutgoing?: boolean
}

const optionKinds: OptionKinds<ServerOptions> = {
  layer: having('connect'),
  origins: either(strings, aFunction),
  hosts: strings,
  proxies: strings,
  tenant: aFunction,
  carriers: anObject,
  limits: anObject,
  whenFull: oneOf('evict', 'refuse'),
  whenBlind: oneOf('ask', 'close', 'stay'),
  clock: aClock,
  report: aFunction,
  warn: either(aBoolean, aFunction),
  on: aFunction,
  tracer: having('run'),
  remember: aDuration,
  node: aString,
  checkOutgoing: aBoolean,
}

const aTime: OptionKind = {
  wanted: 'milliseconds',
  is: (value) => Number.isFinite(value) && Number(value) >= 0,
}
const anHttpServer: OptionKind = {
  ...having('on', 'off', 'listenerCount'),
  wanted: 'a server of node:http or node:https',
}
const aPortNumber: OptionKind = {
  wanted: 'a whole number from 0 to 65535',
  is: (value) => wholeFrom(0).is(value) && Number(value) <= 65_535,
}
const closeKinds: OptionKinds<NonNullable<Parameters<Server['close']>[0]>> = { drain: aDuration }

/** The server's handle. */
export interface Server extends Messenger {
  /** Says what answers handshakes; until then every one is 503. */
  serve(application: Application): void
  /**
   * Answers the upgrades of an HTTP server: Express, Fastify, Hono, Koa, anything with a node:http server. What another listener
   * takes is left alone. After `close` it answers 503 there, until another server is attached.
   *
   * @throws TypeError when the HTTP server has another one and one of the two takes every path, or this one is attached or closed
   */
  attach(httpServer: HttpServer | HttpsServer, options?: AttachOptions): void
  /** Listens alone; 127.0.0.1 unless told otherwise, port 0 for any that is free. */
  listen(port: number, host?: string): Promise<{ readonly port: number; readonly host: string }>
  /**
   * Groups and users of one tenant. What it revokes and rechecks by `user` is that tenant's user alone; the server itself
   * reaches a user of that name in every tenant. Sessions and tokens are one name in all of them.
   */
  tenant(name: string): Messenger
  /** Small values that the nodes of the layer share, for tickets and logout tokens. It fails with `ERR_LAYER` while the layer is away. */
  readonly store: Store
  /** How many sockets are open in this process. */
  readonly connections: number
  /**
   * Drains: lets nobody in any more, lets running handlers finish for so long, closes with 1012 and tells clients to
   * come back at a random moment within that time. 30 s unless said otherwise.
   */
  close(options?: { readonly drain?: Duration }): Promise<void>
  /** For the testing kit. */
  readonly [server]: ServerContext
}

/**
 * Makes a server. It serves nothing until `serve`, and listens to nothing until `attach` or `listen`, so a worker that
 * only publishes makes one too.
 *
 * @throws TypeError when an option is unknown or malformed; `undefined` is no value for one
 * @example
 * const server = sallyport({ origins: ['https://app.example'] })
 * server.serve(router([room, bell]))
 * await server.listen(8000)
 */
export function sallyport(options: ServerOptions = {}): Server {
  options = checkedOptions('sallyport()', options, optionKinds)
  const { context, drain, leave } = contextWith(options)
  let application: Application = async () => {
    throw new Denial(503, 'not-serving', 'this server serves nothing yet', { httpOnly: true })
  }
  const transport = nodeTransport({
    context,
    admit: (entrance) => admit(application, entrance),
    close: (ms) => close(ms),
    proxies: options.proxies ?? [],
  })
  let closing: Promise<void> | null = null
  const shut = async (ms: number): Promise<void> => {
    await drain(ms)
    // the wire first: a layer that is away, or never answers, keeps no connection open
    await transport.close()
    await leave()
  }
  const close = async (time: Duration): Promise<void> => {
    await (closing ??= shut(milliseconds(time)))
  }
  return {
    ...messengerOf(context, null),
    [server]: context,
    serve(served) {
      assertKind('what serve() takes', served, {
        wanted: 'an application, such as router([...])',
        is: aFunction.is,
      })
      application = served
    },
    attach(httpServer, how) {
      assertKind('what attach() takes', httpServer, anHttpServer)
      transport.attach(httpServer, how)
    },
    async listen(port, host = '127.0.0.1') {
      assertKind('the port of listen()', port, aPortNumber)
      assertKind('the host of listen()', host, aString)
      return transport.listen(port, host)
    },
    tenant(name) {
      // one that is undefined would be every tenant
      assertKind('the name of a tenant', name, aText)
      return context.messenger(name)
    },
    store: {
      async put(key, value, ttlMs) {
        assertKind('the key of put()', key, aString)
        assertKind('the value of put()', value, { wanted: 'bytes', is: isBytes })
        assertKind('the time of put()', ttlMs, aTime)
        return context.layer.put(key, value, ttlMs)
      },
      async take(key) {
        assertKind('the key of take()', key, aString)
        return context.layer.take(key)
      },
      async claim(key, owner, ttlMs) {
        assertKind('the key of claim()', key, aString)
        assertKind('the owner of claim()', owner, aString)
        assertKind('the time of claim()', ttlMs, aTime)
        return context.layer.claim(key, owner, ttlMs)
      },
    },
    get connections() {
      return context.registry.size
    },
    async close(how = {}) {
      const { drain: time = '30s' } = checkedOptions('close()', how, closeKinds)
      await close(time)
    },
  }
}

/** A context, how to drain it, and how to leave its layer. */
function contextWith(options: ServerOptions): {
  readonly context: ServerContext
  readonly drain: (ms: number) => Promise<void>
  readonly leave: () => Promise<void>
} {
  const { layer = memory(), clock = systemClock, node = newId() } = options
  const report = reporter(options.report)
  const limits = limitsWith(options.limits ?? {})
  const link = new LayerConnection({ layer, node, clock, report })
  const registry: Registry = new Registry()
  const timers = new TimerQueue(clock)
  const fingerprint = (id: string): string => hash('sha256', id, 'buffer').toString('hex', 0, 8)
  const revocations = new Revocations({ clock, report, fingerprint })
  const origins = originRules(options.origins, options.hosts)
  const emit = teller(options, origins, { node, clock, report })
  const groups = new Groups({ link, clock, report, emit })
  const rememberMs = milliseconds(options.remember ?? '24h')
  let draining = false
  const context: ServerContext = {
    node,
    clock,
    limits,
    layer: link,
    groups,
    report,
    repeatedFaults: new RepeatedFaults(report, timers),
    carriers: checkedCarriers(options.carriers ?? {}),
    origins,
    handshakeQueue: new HandshakeQueue(limits, clock),
    accounts: accountsUnder(limits, { clock, timers }),
    backlog: new Backlog(limits.waitingBytes),
    toldSlow: new Set(),
    failedAttempts: new FailedAttempts(
      new KeyedRateLimiter(limits.failedHandshakes, clock, timers),
      fingerprint,
    ),
    whenFull: options.whenFull ?? 'evict',
    presence: new Presence({ node, link, groups, clock, timers, limits, report }),
    registry,
    timers,
    revocations,
    rememberMs,
    accessCommands: new AccessCommands({
      node,
      link,
      clock,
      timers,
      registry,
      revocations,
      report,
      emit,
      fingerprint,
      rememberMs,
      whenBlind: options.whenBlind ?? 'ask',
    }),
    sharedRechecks: new SingleFlight(),
    get draining() {
      return draining
    },
    checkOutgoing: options.checkOutgoing ?? false,
    tenant: tenantBy(options.tenant ?? (() => '')),
    messenger: perTenant((tenant) => messengerOf(context, tenant)),
    tracer: options.tracer ?? null,
    emit,
    fingerprint,
  }
  const drain = async (ms: number): Promise<void> => {
    draining = true
    await drained(context, ms)
    context.presence.close()
    context.accessCommands.close()
    context.timers.close()
  }
  const leave = (): Promise<void> => within(clock, limits.closeMs, link.close())
  // a process that only publishes answers orders too: nobody has to wait for it
  for (const listening of [context.accessCommands.ready(), context.presence.listen()])
    listening.catch(() => {
      // reported where it is tried again
    })
  return { context, drain, leave }
}

/** Adds time and node to what is told; with nobody to hear it, nothing is done. */
function teller(
  { on, warn }: ServerOptions,
  origins: OriginRules,
  { node, clock, report }: Pick<ServerContext, 'node' | 'clock' | 'report'>,
): ServerContext['emit'] {
  const failed = (error: unknown): void => report(error, 'telling of an event')
  const warned = safely(warner(warn, origins), failed)
  const debug = debugOutput(process.env['DEBUG'], (line) => console.error(line))
  const sinks = [on, debug].filter((sink) => sink !== undefined && sink !== null)
  if (sinks.length === 0) return warned
  const told = sinks.map((sink) => safely(sink, failed))
  return (happening) => {
    warned(happening)
    const event = { ...happening, at: clock.now(), node }
    for (const tell of told) tell(event)
  }
}

/** What the environment has a developer see. */
function warner(warn: ServerOptions['warn'], origins: OriginRules): ServerContext['emit'] {
  const environment = process.env['NODE_ENV']
  if (!(warn ?? environment !== 'test')) return () => {}
  const print = typeof warn === 'function' ? warn : (message: string) => console.warn(message)
  return warnings({ print, isDevelopment: environment !== 'production', origins })
}

function reporter(
  report: Reporter = (error, doing) => console.error(`sallyport: ${doing}:`, error),
): Reporter {
  // a reporter that throws has nobody left to tell but the console
  return safely(report, (error) => console.error('sallyport: the reporter threw:', error))
}

/** A promise, as of an async function, would be one tenant for all. */
function tenantBy(name: (identity: Identity<unknown>) => string): ServerContext['tenant'] {
  return (identity) => {
    const tenant = name(identity)
    assertKind("what 'tenant' answers", tenant, aText)
    return tenant
  }
}

function perTenant(make: (tenant: string) => Messenger): (tenant: string) => Messenger {
  const common = new Map<'', Messenger>()
  return (tenant) => {
    if (tenant !== '') return make(tenant)
    const known = common.get('') ?? make('')
    common.set('', known)
    return known
  }
}

async function drained(context: ServerContext, ms: number): Promise<void> {
  const openings = [...context.registry]
  if (openings.length === 0) return
  // one that fails is cut below with those that are late, and holds up neither the others nor the end
  const drains = openings.map((opening) =>
    opening.drain(ms).catch((error: unknown) => context.report(error, 'draining')),
  )
  await within(context.clock, ms, Promise.all(drains))
  for (const opening of openings) opening.end('drain', 1012, 'restart')
}

/** Waits for something, but not longer than that. */
async function within(clock: Clock, ms: number, done: Promise<unknown>): Promise<void> {
  let late: Timer | undefined
  const deadline = new Promise<void>((resolve) => {
    late = clock.after(ms, resolve)
  })
  try {
    await Promise.race([done, deadline])
  } finally {
    late?.cancel()
  }
}
