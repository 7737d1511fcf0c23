import { closeReason } from '../../wire/close.ts'
import { SallyportError } from '../../wire/errors.ts'
import { type RecheckOutcome, SharedRechecks, signedOutReason } from './revalidation-result.ts'
import type { TimerQueue } from '../runtime/timer-queue.ts'
import type { Clock, Timer } from '../../wire/clock.ts'
import type { LogRules, Unsubscribe } from '../api/layer.ts'
import type { LayerConnection } from '../groups/layer-connection.ts'
import type { Awaitable } from '../runtime/awaitable.ts'
import { newId } from '../runtime/id.ts'
import { answerIn, type CommandResult, type AccessCommand, commandIn, packed } from './access-command.ts'
import { AccessCommandLog } from './access-command-log.ts'
import { Receipts } from './receipts.ts'
import { type Receipt } from '../api/receipt.ts'
import { type SocketKeys, matches, type OpenSocket, type Registry, type SocketFilter } from './registry.ts'
import type { ServerEvent, Reporter } from '../api/events.ts'
import type { Revocations } from './revocations.ts'

/** What access commands need. */
export interface AccessCommandsParts {
  readonly node: string
  readonly link: LayerConnection
  readonly clock: Clock
  readonly timers: TimerQueue
  readonly registry: Registry
  readonly revocations: Revocations
  readonly report: Reporter
  readonly emit: (event: ServerEvent) => void
  readonly fingerprint: (id: string) => string
  /** For how long a revocation is remembered. */
  readonly rememberMs: number
  /** What happens to open sockets after 30 s in which the logs could not be read. */
  readonly whenBlind: 'ask' | 'close' | 'stay'
}

/** The effect of an access command on this node. */
interface CommandOutcome {
  readonly done: CommandResult
  /** The commands that follow from it, which the other nodes are sent after it. */
  readonly named: readonly AccessCommand[]
}

/** How an access command is carried out. */
interface CommandScope {
  /** Whether the command applies to a socket that it names. */
  readonly applies: (socket: OpenSocket) => boolean
  /** For how long a revocation is remembered from now on. */
  readonly forMs: number
  /** Whether the command was read from a log, some time after it was given. */
  readonly isLate: boolean
}

/**
 * One log for each kind, so that many sign-outs do not push bans out before their time; and one for commands
 * that take effect once.
 */
const topics = {
  user: 'sallyport/revocations/users',
  session: 'sallyport/revocations/sessions',
  token: 'sallyport/revocations/tokens',
  act: 'sallyport/acts',
} as const
/** How many revocations of each kind a node that starts later can read. */
const maxRemembered = 100_000
/** Kicks and rechecks are kept for nodes that missed the message: this many, and for this long. */
const acts = { size: 10_000, forMs: 900_000 }
/** How many commands, at least, are recognised when they arrive again. */
const maxKnown = 10_000
/** How many changes of rights, at least, are compared with handshakes under way. */
const maxChanges = 10_000
/**
 * The node that gave a command waits this long for answers. A node that reads the command later does not
 * answer.
 */
const answerMs = 1_000
/**
 * How many sockets are rechecked at once: the rights of a full room are read from a database that others need
 * too.
 */
const recheckedAtOnce = 64
/** How often the logs are read, for commands whose message was lost. */
const pollMs = 5_000
/**
 * For how long the logs may stay unread. After that no handshake is accepted, because revocations of that
 * time are not known here.
 */
const maxStaleMs = 30_000
/** The wait after a failed start: the first one, and the longest. */
const [firstRetryMs, maxRetryMs] = [50, 2_000]
/** How often malformed commands are reported. */
const reportMs = 60_000

/**
 * Ends and rechecks access on every node, and counts the sockets. A command is carried out once, however
 * often it arrives.
 */
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
  /**
   * When all logs were read last, or when the open sockets were last rechecked because that was too long ago.
   */
  #checkedAt = Number.NEGATIVE_INFINITY
  /**
   * The ids of the latest commands, in two sets. Dropping the older set at once costs less than deleting ids
   * one by one.
   */
  #known = new Set<string>()
  #knownBefore: ReadonlySet<string> = new Set()
  /** The latest changes of rights, each with its number. */
  readonly #changes: { readonly who: SocketFilter; readonly number: number }[] = []
  /** The number of the last change that was dropped from the list. */
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
      // a node that starts has no sockets that these commands could be about
      act: log('act', { space: 'system', ...acts }, 'head'),
    }
  }

  /**
   * Connects to the other nodes and reads the logs. It runs before the first handshake is accepted. After a
   * failure it is tried again after a wait, shared by all callers.
   *
   * @throws the error of the layer
   */
  ready(): Promise<void> {
    return (this.#ready ??= this.#start(firstRetryMs))
  }

  /**
   * Asserts, before authentication, that this node knows the revocations of the other nodes, up to 30 s ago
   * at worst. Answers at once where it does.
   *
   * @throws (rejects with) the error of the layer, or `ERR_LAYER` when the layer has not answered for that
   * long
   */
  current(): Awaitable<void> {
    if (this.#isStale(this.#readAt)) return this.#assertCurrent()
  }

  async #assertCurrent(): Promise<void> {
    await this.ready()
    if (!this.#isStale(this.#readAt)) return
    throw new SallyportError('ERR_LAYER', `no access command could be read for ${maxStaleMs} ms`)
  }

  /**
   * Gives a command on all nodes.
   *
   * @throws the error of the layer; the sockets of this node are ended all the same
   */
  async broadcast(made: Omit<AccessCommand, 'node'>): Promise<Receipt> {
    // this node carries out exactly the command that the others will decode
    const command = commandIn(packed({ ...made, node: this.#parts.node }))
    if (command === null)
      throw new TypeError('this access command cannot be given: other nodes could not read it')
    this.#isNew(command.id)
    const here = this.#carryOut(command)
    // the effect here is awaited after the command was published
    here.catch(() => {})
    const receipt = this.#receipts.open(command.id)
    try {
      await this.ready()
      await this.#publish(command)
    } catch (error) {
      receipt.discard()
      // the commands that follow may still get through; if not, this error says why
      this.#shared(here).catch(() => {})
      throw error
    }
    return receipt.make(this.#shared(here))
  }

  /** How many access commands this node has received. A count is used because a wall clock may jump. */
  get version(): number {
    return this.#given
  }

  /**
   * Whether a change of rights about this peer has arrived since it was authenticated, at the given version.
   */
  hasOvertaken(holder: SocketKeys, accessVersion: number): boolean {
    if (accessVersion === this.#given) return false
    if (accessVersion < this.#forgotten) return true
    const since = this.#changes.findLastIndex(({ number }) => number <= accessVersion) + 1
    return this.#changes.slice(since).some(({ who }) => matches(who, holder))
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  async #publish(command: AccessCommand): Promise<void> {
    const { link } = this.#parts
    const { topic, rules } = this.#logs[logOf(command)]
    try {
      await link.publish(topic, () => packed(command), { ...rules, id: command.id })
    } catch (error) {
      // a command that the log cannot keep can still be delivered: it takes effect now where it arrives,
      // though a node that starts later does not know it
      await Promise.resolve(link.publish(topic, () => packed(command))).catch(() => {})
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
    // each subscription is made once, also when another one, or a log, has to be tried again
    const answers = (): Awaitable<Unsubscribe> =>
      link.subscribe(answersTopic(node), ({ bytes }) => this.#answered(bytes))
    this.#answers ??= Promise.resolve(answers()).catch((error: unknown) => {
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
      this.#parts.report(error, 'reading access commands')
      if (this.#isStale(this.#checkedAt)) this.#recheckOpen()
    }
    this.#later(pollMs, () => void this.#poll())
  }

  /**
   * Revocations of the blind time are not known here, so all open sockets are rechecked. One round runs at a
   * time.
   */
  #recheckOpen(): void {
    const { registry, whenBlind, report, clock } = this.#parts
    if (whenBlind === 'stay') return
    this.#checkedAt = Number.POSITIVE_INFINITY
    const renewable: OpenSocket[] = []
    for (const socket of registry)
      if (whenBlind === 'ask' && socket.isRenewable) renewable.push(socket)
      else endBlindly(socket)
    const until = clock.monotonic() + maxStaleMs
    // where authentication hangs, a socket must not stay longer because many others are rechecked before it
    const isLate = (): boolean => clock.monotonic() >= until && this.#isStale(this.#readAt)
    recheckedBy(renewable, signedOutReason, (socket) => isLate() && endBlindly(socket))
      .catch((error: unknown) => report(error, 'rechecking open sockets while the layer is away'))
      .finally(() => (this.#checkedAt = Math.max(this.#readAt, clock.monotonic())))
  }

  #hear(bytes: Uint8Array, ageMs: number | null): void {
    const command = commandIn(bytes)
    if (command === null) return this.#reportMalformed()
    if (!this.#isNew(command.id)) return
    const done = ageMs === null ? this.#carryOutAndAnswer(command) : this.#catchUp(command, ageMs)
    done.catch((error: unknown) => this.#parts.report(error, 'carrying out a command of another node'))
  }

  /** Reports at intervals: a writer to the layer could otherwise fill the log with reports. */
  #reportMalformed(): void {
    this.#malformed++
    const now = this.#parts.clock.monotonic()
    if (now < this.#quietUntil) return
    this.#quietUntil = now + reportMs
    const others = this.#malformed === 1 ? '' : `, and ${this.#malformed - 1} others since the last report`
    this.#malformed = 0
    this.#parts.report(
      new TypeError(`an access command from the layer is malformed${others}`),
      'carrying out a command of another node',
    )
  }

  #isNew(id: string): boolean {
    if (this.#known.has(id) || this.#knownBefore.has(id)) return false
    this.#known.add(id)
    if (this.#known.size >= maxKnown) [this.#knownBefore, this.#known] = [this.#known, new Set()]
    return true
  }

  async #carryOutAndAnswer(command: AccessCommand): Promise<void> {
    await this.#answer(command, await this.#shared(this.#carryOut(command)))
  }

  async #carryOut(command: AccessCommand): Promise<CommandOutcome> {
    const outcome = await this.#do(command, { applies: () => true, forMs: command.forMs, isLate: false })
    this.#parts.emit(eventOf(command, outcome.done, this.#parts.fingerprint))
    return outcome
  }

  /**
   * Carries out a command from a log. An event is emitted only when it had an effect: most are about no
   * socket of this node.
   */
  async #catchUp(command: AccessCommand, ageMs: number): Promise<void> {
    const forMs = command.forMs - ageMs
    if (forMs <= 0) return
    const isAct = logOf(command) === 'act'
    const applies = (socket: OpenSocket): boolean => isAct || socket.isRevoked()
    const outcome = await this.#do(command, { applies, forMs, isLate: true })
    const { closed, changed } = outcome.done
    if (closed + changed > 0) this.#parts.emit(eventOf(command, outcome.done, this.#parts.fingerprint))
    const done = await this.#shared(outcome)
    if (ageMs < answerMs) await this.#answer(command, done)
  }

  /**
   * Publishes the commands that follow from the sockets of this node, which the other nodes do not know.
   *
   * @throws (rejects with) the error of the layer
   */
  async #shared(outcome: CommandOutcome | Promise<CommandOutcome>): Promise<CommandResult> {
    const { done, named } = await outcome
    for (const { id } of named) this.#isNew(id)
    await Promise.all(named.map((command) => this.#publish(command)))
    return done
  }

  async #answer({ id, node: giver }: AccessCommand, done: CommandResult): Promise<void> {
    const { link, node } = this.#parts
    await link.publish(answersTopic(giver), () => packed({ id, node, ...done }))
  }

  /**
   * First remembers the command, then carries it out. Handshakes under way meet the memory; open sockets meet
   * the command.
   */
  async #do(
    command: AccessCommand,
    { applies, forMs: wanted, isLate }: CommandScope,
  ): Promise<CommandOutcome> {
    const { registry, revocations, rememberMs } = this.#parts
    const { kind, who, reason, at } = command
    const number = ++this.#given
    // another node cannot make this one remember longer than its own setting
    const forMs = Math.min(wanted, rememberMs)
    if (kind === 'revoke') revocations.add({ who, reason, at, forMs, number, isLate })
    // a kick is not remembered: a handshake under way into that room is authorized again
    if (kind === 'recheck' || who.room !== undefined) this.#noteChange(who, number)
    const sockets = registry.find(who).filter(applies)
    const before = droppedBy(sockets)
    const named = this.#namedBy({ ...command, forMs }, sockets)
    for (const one of named) revocations.add({ ...one, number, isLate })
    const done = kind === 'recheck' ? await recheckedBy(sockets, reason) : endedBy(sockets, command)
    return { done: { ...done, dropped: droppedBy(sockets) - before }, named }
  }

  /**
   * Revokes tokens by their names. When the clock of an issuer is ahead, its token may have a later date than
   * the command that revokes its user. Without its name such a token would be accepted again a moment later.
   */
  #namedBy(command: AccessCommand, sockets: readonly OpenSocket[]): readonly AccessCommand[] {
    const { kind, who, at } = command
    const { clock, node } = this.#parts
    if (kind !== 'revoke' || [who.session, who.token, who.room].some((name) => name !== undefined)) return []
    const latest = Math.max(at, clock.now())
    const users = new Map<string, string>()
    for (const socket of sockets) {
      const { token, subject } = socket.keys
      if (token !== undefined && socket.isDatedAfter(latest)) users.set(token, subject)
    }
    return [...users].map(([token, user]) => ({ ...command, id: newId(), who: { user, token }, node }))
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

/** The log for a command. Kicks and rechecks take effect once. */
function logOf({ kind, who: { session, token, room } }: AccessCommand): keyof typeof topics {
  if (kind === 'recheck' || room !== undefined) return 'act'
  return token !== undefined ? 'token' : session !== undefined ? 'session' : 'user'
}

/** The event for a command that was carried out here. */
function eventOf(
  command: AccessCommand,
  done: CommandResult,
  fingerprint: (id: string) => string,
): ServerEvent {
  const { kind, who, path, reason, node: from } = command
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
  socket.end('denied', 4503, 'unavailable: the server does not know whether access was revoked')
  return true
}

/** @param instead ends a socket in place of a recheck, and then returns true */
async function recheckedBy(
  sockets: readonly OpenSocket[],
  reason: string,
  instead: (socket: OpenSocket) => boolean = () => false,
): Promise<Omit<CommandResult, 'dropped'>> {
  // a new set of rechecks: a result that was under way before the command may be older than the change
  const rechecks = new SharedRechecks(reason)
  const recheck = async (socket: OpenSocket): Promise<RecheckOutcome> =>
    instead(socket) ? 'closed' : socket.recheck(rechecks)
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
