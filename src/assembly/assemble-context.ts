import { accountsUnder } from '../core/access/account.ts'
import { AccessCommands } from '../core/access/access-commands.ts'
import { HandlerBacklog } from '../core/access/handler-backlog.ts'
import { checkedCarriers } from '../core/access/credentials.ts'
import { FailedAttempts } from '../core/access/failed-attempts.ts'
import { HandshakeQueue } from '../core/access/handshake-queue.ts'
import { originRules } from '../core/access/origin.ts'
import { Registry } from '../core/access/registry.ts'
import { Revocations } from '../core/access/revocations.ts'
import { debugOutput } from '../core/admission/debug-output.ts'
import { isWarned, warnings } from '../core/admission/warnings.ts'
import { type Reporter, safely } from '../core/api/events.ts'
import type { Identity } from '../core/api/identity.ts'
import { limitsWith } from '../core/api/limits.ts'
import type { Messenger } from '../core/api/messenger.ts'
import { Groups } from '../core/groups/groups.ts'
import { LayerConnection } from '../core/groups/layer-connection.ts'
import { Presence } from '../core/groups/presence.ts'
import { newId } from '../core/runtime/id.ts'
import { KeyedRateLimiter } from '../core/runtime/keyed-rate-limiter.ts'
import { RepeatedFaults } from '../core/runtime/repeated-faults.ts'
import { SharedRechecks } from '../core/access/revalidation-result.ts'
import { TimerQueue } from '../core/runtime/timer-queue.ts'
import type { ServerContext } from '../core/server-context.ts'
import { messengerOf } from '../core/server-messenger.ts'
import { memory } from '../layers/memory.ts'
import { type Clock, systemClock, type Timer } from '../wire/clock.ts'
import { milliseconds } from '../wire/duration.ts'
import { assertKind, aText } from '../wire/options.ts'
import type { ServerOptions } from './server-options.ts'

/** What a runtime gives to a server, beside its transport. */
export interface Runtime {
  /** A short name for the id of a session or token that does not tell it: the first 16 hex digits of its SHA-256. */
  readonly fingerprint: (id: string) => string
  /** The variables of the environment: `NODE_ENV` and `DEBUG` are read. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The context of a server, and what ends it. */
export interface AssembledContext {
  readonly context: ServerContext
  readonly link: LayerConnection
  /** Closes every socket within so many milliseconds, and admits no new one. */
  readonly drain: (ms: number) => Promise<void>
  /** Leaves the layer. */
  readonly leave: () => Promise<void>
}

/** Puts the context of a server together. The options are checked already. */
export function assembleContext(options: ServerOptions, runtime: Runtime): AssembledContext {
  const { layer = memory(), clock = systemClock, node = newId() } = options
  const report = reporter(options.report)
  const limits = limitsWith(options.limits ?? {})
  const link = new LayerConnection({ layer, node, clock, report })
  const registry: Registry = new Registry()
  const timers = new TimerQueue(clock)
  const { fingerprint, environment } = runtime
  const revocations = new Revocations({ clock, report, fingerprint })
  const origins = originRules(options.origins, options.hosts)
  const { emit, isHeard } = emitterOf(options, { node, clock, report, origins, environment })
  const groups = new Groups({ link, clock, report, emit })
  const rememberMs = milliseconds(options.remember ?? '24h')
  let draining = false
  const context: ServerContext = {
    node,
    clock,
    limits,
    groups,
    report,
    repeatedFaults: new RepeatedFaults(report, timers),
    carriers: checkedCarriers(options.carriers ?? {}),
    origins,
    handshakeQueue: new HandshakeQueue(limits, timers),
    accounts: accountsUnder(limits, { clock, timers }),
    backlog: new HandlerBacklog(limits.waitingBytes),
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
    sharedRechecks: new SharedRechecks(),
    get draining() {
      return draining
    },
    checkOutgoing: options.checkOutgoing ?? false,
    tenant: tenantBy(options.tenant ?? (() => '')),
    messenger: perTenant((tenant) => messengerOf(context, tenant)),
    tracer: options.tracer ?? null,
    emit,
    isHeard,
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
  // a process that only publishes answers access commands too: no other node has to wait for it
  for (const listening of [context.accessCommands.ready(), context.presence.listen()])
    listening.catch(() => {
      // reported where it is retried
    })
  return { context, link, drain, leave }
}

/** Adds time and node to each event, and hands it to the sinks; without a sink, only the warnings look at it. */
function emitterOf(
  { on, warn }: ServerOptions,
  parts: EmitterParts,
): Pick<ServerContext, 'emit' | 'isHeard'> {
  const { node, clock, report, environment } = parts
  const isDevelopment = environment['NODE_ENV'] !== 'production'
  const failed = (error: unknown): void => report(error, 'handling an event')
  const warned = safely(warnerOf(warn, isDevelopment, parts), failed)
  const debug = debugOutput(environment['DEBUG'], (line) => console.error(line))
  const sinks = [on, debug].filter((sink) => sink !== undefined && sink !== null)
  if (sinks.length === 0) return { emit: warned, isHeard: (type) => isWarned(type, isDevelopment) }
  const safeSinks = sinks.map((sink) => safely(sink, failed))
  const emit: ServerContext['emit'] = (serverEvent) => {
    warned(serverEvent)
    const event = { ...serverEvent, at: clock.now(), node }
    for (const sink of safeSinks) sink(event)
  }
  return { emit, isHeard: () => true }
}

interface EmitterParts extends Pick<ServerContext, 'node' | 'clock' | 'report' | 'origins'> {
  readonly environment: Runtime['environment']
}

/** Prints the warnings that a developer sees in this environment. */
function warnerOf(
  warn: ServerOptions['warn'],
  isDevelopment: boolean,
  { environment, origins }: EmitterParts,
): ServerContext['emit'] {
  if (!(warn ?? environment['NODE_ENV'] !== 'test')) return () => {}
  const print = typeof warn === 'function' ? warn : (message: string) => console.warn(message)
  return warnings({ print, isDevelopment, origins })
}

function reporter(
  report: Reporter = (error, doing) => console.error(`sallyport: ${doing}:`, error),
): Reporter {
  // only the console is left for the fault of a reporter
  return safely(report, (error) => console.error('sallyport: the reporter threw:', error))
}

/** A promise, as of an async function, would be one tenant for all. */
function tenantBy(name: (identity: Identity<unknown>) => string): ServerContext['tenant'] {
  return (identity) => {
    const tenant = name(identity)
    assertKind("the answer of 'tenant'", tenant, aText)
    return tenant
  }
}

/** Keeps the messenger of the one tenant that most servers have. */
function perTenant(make: (tenant: string) => Messenger): (tenant: string) => Messenger {
  let common: Messenger | null = null
  return (tenant) => (tenant === '' ? (common ??= make('')) : make(tenant))
}

async function drained(context: ServerContext, ms: number): Promise<void> {
  const channels = [...context.registry]
  if (channels.length === 0) return
  // one that fails is ended below with those that are late, and delays neither the others nor the end
  const drains = channels.map((channel) =>
    channel.drain(ms).catch((error: unknown) => context.report(error, 'draining')),
  )
  await within(context.clock, ms, Promise.all(drains))
  for (const channel of channels) channel.end('drain', 1012, 'restart')
}

/** Waits for a promise, at most so many milliseconds. */
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
