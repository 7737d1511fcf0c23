import { closeReason } from '../wire/close.ts'
import { isRecord, parseRecord } from '../wire/json.ts'
import { SallyportError } from '../wire/errors.ts'
import type { Position } from '../wire/frame.ts'
import type { Questions } from './answer.ts'
import type { Alarms } from './alarms.ts'
import type { Clock, Timer } from './clock.ts'
import { Flights } from './flights.ts'
import type { LogRules } from './layer.ts'
import type { LayerConnection } from './layer-connection.ts'
import { type Holder, isMeant, type OpenSocket, type Registry, type Selector } from './registry.ts'
import type { Happening, Reporter } from './report.ts'
import type { Revocations } from './revocations.ts'

/** What every node is told to do at once. */
export interface Order {
  readonly id: string
  readonly kind: 'revoke' | 'recheck'
  readonly who: Selector
  /** The path of the place that it is about, for people. */
  readonly path?: string
  readonly reason: string
  /** When it was given, and until when a revocation is remembered, in wall time. */
  readonly at: number
  readonly until: number
}

/** What came of an order: sockets closed and changed, the nodes that say so, and those that said nothing in time. */
export interface Receipt {
  readonly closed: number
  readonly changed: number
  readonly nodes: readonly string[]
  readonly silent: readonly string[]
}

/** What orders are made of. */
export interface OrdersParts {
  readonly node: string
  readonly link: LayerConnection
  readonly clock: Clock
  readonly alarms: Alarms
  readonly registry: Registry
  readonly revocations: Revocations
  readonly report: Reporter
  readonly emit: (happening: Happening) => void
  readonly fingerprint: (id: string) => string
  /** For how long a revocation is remembered. */
  readonly rememberMs: number
  /** For how long a handshake may be on its way. */
  readonly handshakeMs: number
}

interface Counted {
  readonly closed: number
  readonly changed: number
}

/** How an order is carried out. */
interface Manner {
  /** Which of the sockets that it names it is about. */
  readonly applies: (socket: OpenSocket) => boolean
  /** Whether it was read in a log, some time after it was given. */
  readonly isLate: boolean
}

/** An order with the node that was told to give it. */
type Given = Order & { readonly node: string }

const ordersTopic = 'sallyport/orders'
/** One for each kind, so that many sign-outs do not push the bans out before their time. */
const revocationLogs = {
  user: 'sallyport/revocations/users',
  session: 'sallyport/revocations/sessions',
  token: 'sallyport/revocations/tokens',
} as const
/** How many of a kind a node that starts later can read. */
const maxRemembered = 100_000
const tooMany =
  `${maxRemembered} revocations of one kind are remembered, and no more: older ones may be forgotten before their time. ` +
  "Let credentials expire sooner, and set 'remember' to the longest life of one"
/** For how long other nodes may take to answer. */
const answerMs = 1_000
/** How many sockets are asked about at once: the rights of a full room are read from a database that others need too. */
const recheckedAtOnce = 64
/** How often the log is read for a revocation whose message was lost. */
const pollMs = 10_000
/** Longer than a handshake takes to be over by this much, a recheck cannot have overtaken one any more. */
const slackMs = 60_000

/** Ends and rechecks access on every node, and counts what came of it. */
export class Orders {
  readonly #parts: OrdersParts
  readonly #answers = new Map<string, (node: string, counted: Counted) => void>()
  #ready: Promise<void> | null = null
  /** The latest, each with its number. */
  readonly #rechecks = new Set<{ readonly who: Selector; readonly number: number }>()
  #given = 0
  /** How far each log was read. */
  readonly #read = new Map<string, Position>()
  #poll: Timer | null = null
  #closed = false

  constructor(parts: OrdersParts) {
    this.#parts = parts
  }

  /** Listens to the other nodes and reads what they remember: done before anybody is let in. @throws what the layer throws */
  ready(): Promise<void> {
    this.#ready ??= this.#begin().catch((error: unknown) => {
      this.#ready = null
      throw error
    })
    return this.#ready
  }

  /**
   * Gives an order here and everywhere.
   *
   * @throws what the layer throws; sockets of this node are closed all the same, and those of the others where only the
   * store is away
   */
  async give(order: Order): Promise<Receipt> {
    const { node, link } = this.#parts
    const here = this.#carryOut({ ...order, node })
    await this.ready()
    const others = link.nodes.filter((name) => name !== node)
    const answered = this.#collect(order.id, others)
    try {
      // first, so that a node which begins to listen after the message finds it in the log
      if (order.kind === 'revoke' && order.who.room === undefined) await this.#remember(order)
    } finally {
      await link.publish(ordersTopic, () => packed({ ...order, node }))
    }
    const answers = [{ node, ...(await here) }, ...(await answered)]
    const nodes = answers.map((answer) => answer.node)
    return {
      closed: sum(answers.map(({ closed }) => closed)),
      changed: sum(answers.map(({ changed }) => changed)),
      nodes,
      silent: others.filter((name) => !nodes.includes(name)),
    }
  }

  /** How many orders this node has heard: counted, because a wall clock may jump in between. */
  get given(): number {
    return this.#given
  }

  /** Whether somebody said that rights have changed after this holder's doors were asked, when so many had been given. */
  hasOvertaken(holder: Holder, asOf: number): boolean {
    for (const { who, number } of this.#rechecks) if (number > asOf && isMeant(who, holder)) return true
    return false
  }

  close(): void {
    this.#closed = true
    this.#poll?.cancel()
  }

  async #begin(): Promise<void> {
    const { link, node } = this.#parts
    await link.subscribe(ordersTopic, ({ bytes }) => void this.#obey(bytes))
    await link.subscribe(answersTopic(node), ({ bytes }) => this.#answered(bytes))
    await this.#readLogs()
    this.#armPoll()
  }

  /** In a space of its own: what applications keep must not push out a revocation. */
  get #rules(): LogRules {
    return { space: 'system', size: maxRemembered, forMs: Math.max(1, this.#parts.rememberMs) }
  }

  #armPoll(): void {
    if (this.#closed) return
    this.#poll = this.#parts.alarms.after(pollMs, () => {
      this.#parts.revocations.look()
      this.#readLogs()
        .catch((error: unknown) => this.#parts.report(error, 'reading revocations'))
        .finally(() => this.#armPoll())
    })
  }

  async #readLogs(): Promise<void> {
    await Promise.all(Object.values(revocationLogs).map((log) => this.#readLog(log)))
  }

  async #readLog(log: string): Promise<void> {
    const { link, report } = this.#parts
    const { head, entries } = await link.range(log, this.#rules, this.#read.get(log) ?? 'all')
    if (entries.length >= maxRemembered)
      report(new SallyportError('ERR_LAYER', tooMany), 'reading revocations')
    for (const { value } of entries) {
      const order = orderOf(value)
      if (order !== null) void this.#catchUp(order)
    }
    this.#read.set(log, head)
  }

  async #remember(order: Order): Promise<void> {
    const { link, node } = this.#parts
    const keep = { ...this.#rules, id: order.id }
    await link.publish(logOf(order.who), () => packed({ ...order, node }), keep)
  }

  async #obey(bytes: Uint8Array): Promise<void> {
    const { link, node, report } = this.#parts
    try {
      const order = orderOf(bytes)
      if (order === null) throw new TypeError('an order from the layer is malformed')
      const done = await this.#carryOut(order)
      await link.publish(answersTopic(order.node), () => packed({ id: order.id, node, ...done }))
    } catch (error) {
      report(error, 'obeying another node')
    }
  }

  async #carryOut(order: Given): Promise<Counted> {
    const done = await this.#do(order, { applies: () => true, isLate: false })
    this.#parts.emit(happeningOf(order, done, this.#parts.fingerprint))
    return done
  }

  /** An order out of the log: mostly carried out long ago, which is then not told again. */
  async #catchUp(order: Given): Promise<void> {
    const done = await this.#do(order, { applies: (socket) => socket.isRevoked(), isLate: true })
    if (done.closed > 0) this.#parts.emit(happeningOf(order, done, this.#parts.fingerprint))
  }

  /** First remembered, then done: whoever is on the way in is caught by the one, whoever is inside by the other. */
  async #do(order: Order, { applies, isLate }: Manner): Promise<Counted> {
    const { registry, revocations } = this.#parts
    const { kind, who, reason, at, until } = order
    const number = ++this.#given
    if (kind === 'revoke') revocations.add({ who, reason, at, forMs: until - at, number, isLate })
    // a kick is not remembered: whoever is on the way into that room has the doors asked again
    if (kind === 'recheck' || who.room !== undefined) this.#noteRecheck(who, number)
    const sockets = registry.find(who).filter(applies)
    // questions of their own: one that was asked before the order may have been answered before the change
    const questions: Questions = new Flights()
    if (kind === 'recheck') return counted(await someAtOnce(sockets, (socket) => socket.recheck(questions)))
    const code = who.session === undefined && who.token === undefined ? 4403 : 4401
    for (const socket of sockets) socket.end('revoked', code, closeReason(`revoked: ${reason}`))
    return { closed: sockets.length, changed: 0 }
  }

  #noteRecheck(who: Selector, number: number): void {
    const noted = { who, number }
    this.#rechecks.add(noted)
    const { alarms, handshakeMs } = this.#parts
    alarms.after(handshakeMs + slackMs, () => this.#rechecks.delete(noted))
  }

  #collect(id: string, others: readonly string[]): Promise<readonly ({ readonly node: string } & Counted)[]> {
    if (others.length === 0) return Promise.resolve([])
    const answers: ({ readonly node: string } & Counted)[] = []
    return new Promise((resolve) => {
      const done = (): void => {
        late.cancel()
        this.#answers.delete(id)
        resolve(answers)
      }
      const late = this.#parts.clock.after(answerMs, done)
      this.#answers.set(id, (node, count) => {
        answers.push({ node, ...count })
        if (answers.length === others.length) done()
      })
    })
  }

  #answered(bytes: Uint8Array): void {
    const { id, node, closed, changed } = recordOf(bytes)
    if (
      typeof node !== 'string' ||
      typeof id !== 'string' ||
      typeof closed !== 'number' ||
      typeof changed !== 'number'
    )
      return
    this.#answers.get(id)?.(node, { closed, changed })
  }
}

function logOf({ session, token }: Selector): string {
  const kind = token !== undefined ? 'token' : session !== undefined ? 'session' : 'user'
  return revocationLogs[kind]
}

/** What is told of an order that was carried out here. */
function happeningOf(order: Given, done: Counted, fingerprint: (id: string) => string): Happening {
  const { kind, who, path, reason, node: from } = order
  const { user, session, token, tenant } = who
  const told = {
    ...(user === undefined ? {} : { subject: user }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(session === undefined ? {} : { session: fingerprint(session) }),
    ...(token === undefined ? {} : { token: fingerprint(token) }),
    ...(path === undefined ? {} : { path }),
    closed: done.closed,
    from,
  }
  if (kind === 'recheck') return { type: 'rechecked', changed: done.changed, ...told }
  return path === undefined ? { type: 'revoked', reason, ...told } : { type: 'kicked', reason, ...told, path }
}

function answersTopic(node: string): string {
  return `sallyport/answers/${node}`
}

async function someAtOnce<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<readonly R[]> {
  const answers: R[] = []
  const line = all.values()
  const work = async (): Promise<void> => {
    for (const one of line) answers.push(await ask(one))
  }
  await Promise.all(Array.from({ length: recheckedAtOnce }, work))
  return answers
}

function counted(outcomes: readonly string[]): Counted {
  const of = (what: string): number => outcomes.filter((outcome) => outcome === what).length
  return { closed: of('closed'), changed: of('changed') }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function packed(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** What another node or the store gave; nothing is in what is no record. */
function recordOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return parseRecord(new TextDecoder().decode(bytes)) ?? {}
}

/** Reads what another node or the store gave; `null` when it is no order. */
function orderOf(bytes: Uint8Array): Given | null {
  const { id, kind, who, path, reason, at, until, node = '' } = recordOf(bytes)
  if (typeof id !== 'string' || (kind !== 'revoke' && kind !== 'recheck') || typeof reason !== 'string')
    return null
  if (typeof at !== 'number' || typeof until !== 'number' || typeof node !== 'string' || !isRecord(who))
    return null
  const selector = selectorOf(who)
  if (selector === null) return null
  const place = typeof path === 'string' ? { path } : {}
  return { id, kind, who: selector, ...place, reason, at, until, node }
}

function selectorOf(who: Readonly<Record<string, unknown>>): Selector | null {
  const names = ['user', 'session', 'token', 'room', 'tenant']
  const named = Object.entries(who).filter(([name]) => names.includes(name))
  return named.every(([, value]) => typeof value === 'string') ? Object.fromEntries(named) : null
}
