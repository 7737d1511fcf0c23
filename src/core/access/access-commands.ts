import { closeReason } from '../../wire/close.ts'
import { SallyportError } from '../../wire/errors.ts'
import type { RecheckOutcome, SharedRechecks } from './revalidation-result.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import { SingleFlight } from '../runtime/single-flight.ts'
import type { LogRules, Unsubscribe } from '../api/layer.ts'
import type { LayerConnection } from '../groups/layer-connection.ts'
import { newId } from '../runtime/id.ts'
import { answerIn, type CommandResult, type AccessCommand, commandIn, packed } from './access-command.ts'
import { AccessCommandLog } from './access-command-log.ts'
import { Receipts } from './receipts.ts'
import { type Receipt } from '../api/receipt.ts'
import { type SocketKeys, matches, type OpenSocket, type Registry, type SocketFilter } from './registry.ts'
import type { ServerEvent, Reporter } from '../api/events.ts'
import type { Revocations } from './revocations.ts'

/** What orders are made of. */
export interface AccessCommandsParts {
  readonly node: string
  readonly link: LayerConnection
  readonly clock: Clock
  readonly timers: TimerQueue
  readonly registry: Registry
  readonly revocations: Revocations
  readonly report: Reporter
  readonly emit: (happening: ServerEvent) => void
  readonly fingerprint: (id: string) => string
  /** For how long a revocation is remembered. */
  readonly rememberMs: number
  /** What becomes of open sockets when for 30 s nothing could be read. */
  readonly whenBlind: 'ask' | 'close' | 'stay'
}

/** What came of an order here. */
interface CommandOutcome {
  readonly done: CommandResult
  /** What follows from it, which the other nodes are told after it. */
  readonly named: readonly AccessCommand[]
}

/** How an order is carried out. */
interface CommandScope {
  /** Which of the sockets that it names it is about. */
  readonly applies: (socket: OpenSocket) => boolean
  /** For how long a revocation is remembered from now on. */
  readonly forMs: number
  /** Whether it was read in a log, some time after it was given. */
  readonly isLate: boolean
}

/** One for each kind, so that many sign-outs do not push the bans out before their time; and one for what is soon over. */
const topics = {
  user: 'sallyport/revocations/users',
  session: 'sallyport/revocations/sessions',
  token: 'sallyport/revocations/tokens',
  act: 'sallyport/acts',
} as const
/** How many revocations of a kind a node that starts later can read. */
const maxRemembered = 100_000
/** Kicks and rechecks are kept for nodes that have missed the message: so many, for so long. */
const acts = { size: 10_000, forMs: 900_000 }
/** How many orders, at least, are recognised when they are heard again. */
const maxKnown = 10_000
/** How many changes of rights, at least, are compared with handshakes that were on their way. */
const maxChanges = 10_000
/** Who reads of an order later than that in a log has nobody left to answer. */
const answerMs = 1_000
/** How many sockets are asked about at once: the rights of a full room are read from a database that others need too. */
const recheckedAtOnce = 64
/** How often the logs are read for an order whose message was lost. */
const pollMs = 5_000
/** For how long the logs may stay unread before nobody is let in: what was revoked meanwhile is not known here. */
const maxStaleMs = 30_000
/** How long after a failed start the next one comes: at first, and at most. */
const [firstRetryMs, maxRetryMs] = [50, 2_000]
/** How often malformed orders are reported. */
const reportMs = 60_000

/** Ends and rechecks access on every node, and counts what came of it. An order is carried out once, however often it is heard. */
export class AccessCommands {
  readonly #parts: AccessCommandsParts
  readonly #logs: Readonly<Record<keyof typeof topics, AccessCommandLog>>
  readonly #receipts: Receipts
  #answers: Promise<Unsubscribe> | null = null
  #ready: Promise<void> | null = null
  #timer: Timer | null = null
  #closed = false
  #given = 0
  /** When all logs were read last, on the monotonic clock. */
  #readAt = Number.NEGATIVE_INFINITY
  /** When that was, or when those inside were last asked about because it was too long ago. */
  #checkedAt = Number.NEGATIVE_INFINITY
  /** The ids of the latest orders, in two sets: the older one goes at once, which costs less than to forget one by one. */
  #known = new Set<string>()
  #knownBefore: ReadonlySet<string> = new Set()
  /** The latest changes of rights, each with its number. */
  readonly #changes: { readonly who: SocketFilter; readonly number: number }[] = []
  /** The number of the last one that is not among them any more. */
  #forgotten = 0
  #malformed = 0
  #quietUntil = Number.NEGATIVE_INFINITY

  constructor(parts: AccessCommandsParts) {
    this.#parts = parts
    this.#receipts = new Receipts(parts)
    const revocations = {
      space: 'system',
      size: maxRemembered,
      forMs: Math.max(1, parts.rememberMs),
    } as const
    const log = (kind: keyof typeof topics, rules: LogRules, from: 'all' | 'head'): AccessCommandLog =>
      new AccessCommandLog({
        ...parts,
        topic: topics[kind],
        rules,
        from,
        hear: (...heard) => this.#hear(...heard),
      })
    this.#logs = {
      user: log('user', revocations, 'all'),
      session: log('session', revocations, 'all'),
      token: log('token', revocations, 'all'),
      // a node that starts has nobody inside whom they could be about
      act: log('act', { space: 'system', ...acts }, 'head'),
    }
  }

  /**
   * Listens to the other nodes and reads what they remember: done before anybody is let in. One that has failed is tried again
   * after a while, however many ask meanwhile.
   *
   * @throws what the layer throws
   */
  ready(): Promise<void> {
    return (this.#ready ??= this.#start(firstRetryMs))
  }

  /**
   * What a door asks first: whether this node knows what the others have revoked, up to 30 s ago at worst.
   *
   * @throws what the layer throws, or `ERR_LAYER` when it has answered nothing for so long
   */
  async current(): Promise<void> {
    await this.ready()
    if (!this.#isStale(this.#readAt)) return
    throw new SallyportError('ERR_LAYER', `no order could be read for ${maxStaleMs} ms`)
  }

  /**
   * Gives an order here and everywhere.
   *
   * @throws what the layer throws; sockets of this node are closed all the same
   */
  async broadcast(made: Omit<AccessCommand, 'node'>): Promise<Receipt> {
    // what the others will read, and no other, is obeyed here
    const order = commandIn(packed({ ...made, node: this.#parts.node }))
    if (order === null) throw new TypeError('this order cannot be given: other nodes could not read it')
    this.#isNew(order.id)
    const here = this.#carryOut(order)
    // it is awaited when the others have been told
    here.catch(() => {})
    const receipt = this.#receipts.open(order.id)
    try {
      await this.ready()
      await this.#publish(order)
    } catch (error) {
      receipt.discard()
      // what follows from it can perhaps be told yet; if not, this error says why
      this.#shared(here).catch(() => {})
      throw error
    }
    return receipt.make(this.#shared(here))
  }

  /** How many orders this node has heard: counted, because a wall clock may jump in between. */
  get version(): number {
    return this.#given
  }

  /** Whether somebody said that rights have changed after this holder's doors were asked, when so many had been given. */
  hasOvertaken(holder: SocketKeys, accessVersion: number): boolean {
    if (accessVersion < this.#forgotten) return true
    const since = this.#changes.findLastIndex(({ number }) => number <= accessVersion) + 1
    return this.#changes.slice(since).some(({ who }) => matches(who, holder))
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  async #publish(order: AccessCommand): Promise<void> {
    const { link } = this.#parts
    const { topic, rules } = this.#logs[logOf(order)]
    try {
      await link.publish(topic, () => packed(order), { ...rules, id: order.id })
    } catch (error) {
      // what cannot be kept can still be heard: it ends now where it can, though a node that starts later does not know of it
      await link.publish(topic, () => packed(order)).catch(() => {})
      throw error
    }
  }

  #start(retryMs: number): Promise<void> {
    const starting = this.#listen()
    starting.then(
      () => this.#later(pollMs, () => void this.#poll()),
      (error: unknown) => {
        if (this.#closed) return
        this.#parts.report(error, 'listening to the other nodes')
        this.#later(retryMs, () => (this.#ready = this.#start(Math.min(2 * retryMs, maxRetryMs))))
      },
    )
    return starting
  }

  async #listen(): Promise<void> {
    const { link, node } = this.#parts
    // each subscription begins once, also where another one or a log has to be tried again
    this.#answers ??= link
      .subscribe(answersTopic(node), ({ bytes }) => this.#answered(bytes))
      .catch((error: unknown) => {
        this.#answers = null
        throw error
      })
    await this.#answers
    await this.#all((log) => log.start())
  }

  async #all(run: (log: AccessCommandLog) => Promise<void>): Promise<void> {
    await Promise.all(Object.values(this.#logs).map(run))
    this.#checkedAt = this.#readAt = this.#parts.clock.monotonic()
  }

  #isStale(since: number): boolean {
    return this.#parts.clock.monotonic() - since > maxStaleMs
  }

  #later(ms: number, run: () => void): void {
    if (!this.#closed) this.#timer = this.#parts.timers.after(ms, run)
  }

  async #poll(): Promise<void> {
    this.#parts.revocations.look()
    try {
      await this.#all((log) => log.read())
    } catch (error) {
      if (this.#closed) return
      this.#parts.report(error, 'reading orders')
      if (this.#isStale(this.#checkedAt)) this.#checkInside()
    }
    this.#later(pollMs, () => void this.#poll())
  }

  /** What was revoked meanwhile is not known here: the doors are asked about all who are inside, once at a time. */
  #checkInside(): void {
    const { registry, whenBlind, report, clock } = this.#parts
    if (whenBlind === 'stay') return
    this.#checkedAt = Number.POSITIVE_INFINITY
    const asked: OpenSocket[] = []
    for (const socket of registry)
      if (whenBlind === 'ask' && socket.isRenewable) asked.push(socket)
      else endBlindly(socket)
    const until = clock.monotonic() + maxStaleMs
    // where doors hang, nobody stays for longer because many others are asked before
    const isLate = (): boolean => clock.monotonic() >= until && this.#isStale(this.#readAt)
    recheckedBy(asked, (socket) => isLate() && endBlindly(socket))
      .catch((error: unknown) => report(error, 'asking the doors while the layer is away'))
      .finally(() => (this.#checkedAt = Math.max(this.#readAt, clock.monotonic())))
  }

  #hear(bytes: Uint8Array, ageMs: number | null): void {
    const order = commandIn(bytes)
    if (order === null) return this.#reportMalformed()
    if (!this.#isNew(order.id)) return
    const done = ageMs === null ? this.#obey(order) : this.#catchUp(order, ageMs)
    done.catch((error: unknown) => this.#parts.report(error, 'obeying another node'))
  }

  /** Whoever can write into the layer could fill a log with reports. */
  #reportMalformed(): void {
    this.#malformed++
    const now = this.#parts.clock.monotonic()
    if (now < this.#quietUntil) return
    this.#quietUntil = now + reportMs
    const others = this.#malformed === 1 ? '' : `, and ${this.#malformed - 1} others since the last report`
    this.#malformed = 0
    this.#parts.report(new TypeError(`an order from the layer is malformed${others}`), 'obeying another node')
  }

  #isNew(id: string): boolean {
    if (this.#known.has(id) || this.#knownBefore.has(id)) return false
    this.#known.add(id)
    if (this.#known.size >= maxKnown) [this.#knownBefore, this.#known] = [this.#known, new Set()]
    return true
  }

  async #obey(order: AccessCommand): Promise<void> {
    await this.#answer(order, await this.#shared(this.#carryOut(order)))
  }

  async #carryOut(order: AccessCommand): Promise<CommandOutcome> {
    const outcome = await this.#do(order, { applies: () => true, forMs: order.forMs, isLate: false })
    this.#parts.emit(eventOf(order, outcome.done, this.#parts.fingerprint))
    return outcome
  }

  /** An order out of a log, mostly about nobody who is here: that is not told. */
  async #catchUp(order: AccessCommand, ageMs: number): Promise<void> {
    const forMs = order.forMs - ageMs
    if (forMs <= 0) return
    const isAct = logOf(order) === 'act'
    const applies = (socket: OpenSocket): boolean => isAct || socket.isRevoked()
    const outcome = await this.#do(order, { applies, forMs, isLate: true })
    const { closed, changed } = outcome.done
    if (closed + changed > 0) this.#parts.emit(eventOf(order, outcome.done, this.#parts.fingerprint))
    const done = await this.#shared(outcome)
    if (ageMs < answerMs) await this.#answer(order, done)
  }

  /** Tells the other nodes what follows: they know nothing of the sockets of this one. @throws (rejects with) what the layer throws */
  async #shared(outcome: CommandOutcome | Promise<CommandOutcome>): Promise<CommandResult> {
    const { done, named } = await outcome
    for (const { id } of named) this.#isNew(id)
    await Promise.all(named.map((order) => this.#publish(order)))
    return done
  }

  async #answer({ id, node: giver }: AccessCommand, done: CommandResult): Promise<void> {
    const { link, node } = this.#parts
    await link.publish(answersTopic(giver), () => packed({ id, node, ...done }))
  }

  /** First remembered, then done: whoever is on the way in is caught by the one, whoever is inside by the other. */
  async #do(order: AccessCommand, { applies, forMs: wanted, isLate }: CommandScope): Promise<CommandOutcome> {
    const { registry, revocations, rememberMs } = this.#parts
    const { kind, who, reason, at } = order
    const number = ++this.#given
    // no node makes this one remember for longer than it was told to
    const forMs = Math.min(wanted, rememberMs)
    if (kind === 'revoke') revocations.add({ who, reason, at, forMs, number, isLate })
    // a kick is not remembered: whoever is on the way into that room has the doors asked again
    if (kind === 'recheck' || who.room !== undefined) this.#noteChange(who, number)
    const sockets = registry.find(who).filter(applies)
    const before = droppedBy(sockets)
    const named = this.#namedBy({ ...order, forMs }, sockets)
    for (const one of named) revocations.add({ ...one, number, isLate })
    const done = kind === 'recheck' ? await recheckedBy(sockets) : endedBy(sockets, order)
    return { done: { ...done, dropped: droppedBy(sockets) - before }, named }
  }

  /**
   * What ends tokens by their names. A token whose issuer's clock is ahead is dated after the order that ends access of its user,
   * and would be good again a moment later.
   */
  #namedBy(order: AccessCommand, sockets: readonly OpenSocket[]): readonly AccessCommand[] {
    const { kind, who, at } = order
    const { clock, node } = this.#parts
    if (kind !== 'revoke' || [who.session, who.token, who.room].some((name) => name !== undefined)) return []
    const latest = Math.max(at, clock.now())
    const users = new Map<string, string>()
    for (const socket of sockets) {
      const { token, subject } = socket.keys
      if (token !== undefined && socket.isDatedAfter(latest)) users.set(token, subject)
    }
    return [...users].map(([token, user]) => ({ ...order, id: newId(), who: { user, token }, node }))
  }

  #noteChange(who: SocketFilter, number: number): void {
    this.#changes.push({ who, number })
    if (this.#changes.length < 2 * maxChanges) return
    this.#forgotten = this.#changes.splice(0, maxChanges).at(-1)?.number ?? number
  }

  #answered(bytes: Uint8Array): void {
    const answer = answerIn(bytes)
    if (answer !== null) this.#receipts.answer(answer)
  }
}

/** Through which log an order travels: kicks are over at once, as rechecks are. */
function logOf({ kind, who: { session, token, room } }: AccessCommand): keyof typeof topics {
  if (kind === 'recheck' || room !== undefined) return 'act'
  return token !== undefined ? 'token' : session !== undefined ? 'session' : 'user'
}

/** What is told of an order that was carried out here. */
function eventOf(
  order: AccessCommand,
  done: CommandResult,
  fingerprint: (id: string) => string,
): ServerEvent {
  const { kind, who, path, reason, node: from } = order
  const { user, session, token, tenant } = who
  const told = {
    ...(user === undefined ? {} : { subject: user }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(session === undefined ? {} : { session: fingerprint(session) }),
    ...(token === undefined ? {} : { token: fingerprint(token) }),
    ...(path === undefined ? {} : { path }),
    closed: done.closed,
    dropped: done.dropped,
    from,
  }
  if (kind === 'recheck') return { type: 'rechecked', changed: done.changed, ...told }
  return path === undefined ? { type: 'revoked', reason, ...told } : { type: 'kicked', reason, ...told, path }
}

function answersTopic(node: string): string {
  return `sallyport/answers/${node}`
}

function endBlindly(socket: OpenSocket): true {
  socket.end('denied', 4503, 'unavailable: whether access was revoked is not known')
  return true
}

/** @param instead what becomes of a socket in place of a recheck, where it answers true */
async function recheckedBy(
  sockets: readonly OpenSocket[],
  instead: (socket: OpenSocket) => boolean = () => false,
): Promise<Omit<CommandResult, 'dropped'>> {
  // questions of their own: one that was asked before the order may have been answered before the change
  const questions: SharedRechecks = new SingleFlight()
  const recheck = async (socket: OpenSocket): Promise<RecheckOutcome> =>
    instead(socket) ? 'closed' : socket.recheck(questions)
  return counted(await someAtOnce(sockets, recheck))
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

function endedBy(
  sockets: readonly OpenSocket[],
  { who, reason }: AccessCommand,
): Omit<CommandResult, 'dropped'> {
  const code = who.session === undefined && who.token === undefined ? 4403 : 4401
  for (const socket of sockets) socket.end('revoked', code, closeReason(`revoked: ${reason}`))
  return { closed: sockets.length, changed: 0 }
}

/** How many messages these sockets have lost so far. */
function droppedBy(sockets: readonly OpenSocket[]): number {
  return sockets.reduce((total, { dropped }) => total + dropped, 0)
}

function counted(outcomes: readonly string[]): Omit<CommandResult, 'dropped'> {
  const of = (what: string): number => outcomes.filter((outcome) => outcome === what).length
  return { closed: of('closed'), changed: of('changed') }
}
