import type { AskReason } from '../api/events.ts'
import { Denial } from '../../wire/errors.ts'
import {
  type SharedAnswer,
  type RecheckOutcome,
  type SharedRechecks,
  type RevalidationResult,
  signedOutReason,
} from '../access/revalidation-result.ts'
import { subjectOf } from '../access/authenticate.ts'
import { orThrow } from '../access/authenticator.ts'
import { callAuthorize, type AuthorizedPeer } from '../access/authorize.ts'
import type { ServerContext } from '../server-context.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { checkedIdentity, type Identity } from '../api/identity.ts'
import type { NewIdentity, OpenChannel } from './interfaces.ts'
import { denialReason, refusalOf } from '../access/denial-response.ts'
import { isSameGrant } from '../access/grant-equality.ts'

/** A recheck that waits for its turn. */
interface QueuedRecheck {
  readonly why: AskReason
  readonly rechecks: SharedRechecks
  /** What the client is told when its identity is gone. */
  readonly goneReason: string
}

/**
 * What runs next when two rechecks wait. The shared rechecks of a lease may have begun before the access
 * command that asks now. A command without a reason does not take away the reason of the one before it.
 */
function replaced(waiting: QueuedRecheck, asked: QueuedRecheck): QueuedRecheck {
  if (asked.why !== 'recheck') return waiting
  return asked.goneReason === signedOutReason ? { ...asked, goneReason: waiting.goneReason } : asked
}

/** One question to authentication and authorization. */
interface AccessQuestion {
  readonly why: AskReason
  readonly signal: AbortSignal
  readonly goneReason: string
  /** The identity of a refresh. */
  readonly fresh: NewIdentity | undefined
}

/**
 * Authenticates and authorizes again while the socket is open, and applies the result: the same grant,
 * another grant, or the end of the socket. One recheck runs at a time.
 */
export class Revalidator {
  readonly #channel: OpenChannel
  #asking: Promise<RecheckOutcome> | null = null
  /** The recheck that runs next. */
  #wanted: QueuedRecheck | null = null
  #next: Promise<RecheckOutcome> | null = null

  constructor(channel: OpenChannel) {
    this.#channel = channel
  }

  /**
   * Authenticates and authorizes again. A recheck under way may have had its result before the change, so
   * another recheck follows it, one for all calls that arrive meanwhile. It never rejects.
   */
  recheck(why: AskReason, rechecks: SharedRechecks): Promise<RecheckOutcome> {
    const asked = { why, rechecks, goneReason: rechecks.goneReason }
    if (this.#asking === null) return this.#ask(this.#reconsider(asked))
    this.#wanted = this.#wanted === null ? asked : replaced(this.#wanted, asked)
    return (this.#next ??= this.#recheckNext(this.#wanted))
  }

  async #recheckNext(first: QueuedRecheck): Promise<RecheckOutcome> {
    let before: RecheckOutcome = 'kept'
    while (this.#asking !== null) before = await this.#asking.catch(asBefore)
    const wanted = this.#wanted ?? first
    this.#next = this.#wanted = null
    if (this.#channel.over) return 'closed'
    const outcome = await this.#ask(this.#reconsider(wanted))
    return outcome === 'kept' ? before : outcome
  }

  /**
   * Authorizes with a new identity, and takes the identity over. When authorization denies it, the peer is
   * sent the path in `dropped`, and the channel is closed.
   *
   * @throws Denial when the credential was revoked meanwhile, or authorization cannot be reached; then the
   * credential in use stays valid
   */
  async refresh(fresh: NewIdentity): Promise<RecheckOutcome> {
    while (this.#asking !== null) await this.#asking.catch(asBefore)
    return this.#channel.ended ? 'closed' : this.#ask(this.#adopt(fresh))
  }

  #ask(recheck: Promise<RecheckOutcome>): Promise<RecheckOutcome> {
    this.#asking = recheck.finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /** Renews the identity as far as that is possible without the raw credential, and authorizes again. */
  async #reconsider(wanted: QueuedRecheck): Promise<RecheckOutcome> {
    const { why } = wanted
    const result = await this.#shared(wanted)
    const channel = this.#channel
    if (channel.over) return 'closed'
    if (!(result instanceof Denial)) {
      const revoked = this.#revoked(result)
      return revoked === null ? this.#take({ ...channel.authorized, ...result }, why) : this.#end(revoked)
    }
    return result.status === 503 ? this.#channel.unanswered(result, why) : this.#end(result)
  }

  async #adopt(fresh: NewIdentity): Promise<RecheckOutcome> {
    const channel = this.#channel
    const { result } = await this.#result('refresh', signedOutReason, fresh)
    if (channel.ended) return 'closed'
    if (result instanceof Denial) return this.#drop(result, fresh)
    const revoked = this.#revoked(result)
    if (revoked !== null) throw revoked
    return this.#take({ ...channel.authorized, ...result }, 'refresh')
  }

  /**
   * Sends the denial of a new credential, and closes the channel.
   *
   * @throws Denial 503 when authorization could not be reached
   */
  #drop(denial: Denial, { nonce }: NewIdentity): RecheckOutcome {
    const channel = this.#channel
    if (denial.status === 503) throw denial
    const dropped = [{ in: channel.authorized.path, ...refusalOf(denial, channel.peer.info.id) }]
    channel.peer.frame({ op: 'auth', nonce, dropped })
    return this.#end(denial)
  }

  #revoked(result: RevalidationResult): Denial | null {
    const channel = this.#channel
    const { context } = channel.peer
    return context.revocations.against(
      { ...result, subject: channel.authorized.subject },
      channel.memberships.tenant,
    )
  }

  /**
   * The result that all sockets share that would ask the same at this moment. A result that was lost because
   * its asker has ended is asked for again.
   */
  async #shared({ why, rechecks, goneReason }: QueuedRecheck): Promise<RevalidationResult | Denial> {
    const channel = this.#channel
    const what = this.#sameness()
    const ask = (): Promise<SharedAnswer> => this.#result(why, goneReason)
    for (;;) {
      const { isLost, result } = await (what === null ? ask() : rechecks.once(channel.options, what, ask))
      if (!isLost || channel.over) return result
    }
  }

  /**
   * The key under which sockets share a result. `null` for a socket that shares no result, such as one of
   * several tokens of a session, where each token has its own record of the user. The version of access
   * commands is part of the key: a result from before a command may be older than the change behind it.
   */
  #sameness(): string | null {
    const channel = this.#channel
    const { context } = channel.peer
    const { subject, identity } = channel.authorized
    const { session, token, scopes, renew } = identity
    if (token === undefined && (session === undefined || renew === undefined)) return null
    return JSON.stringify([
      channel.memberships.room.key,
      subject,
      session,
      token,
      scopes,
      context.accessCommands.version,
    ])
  }

  /** Authenticates and authorizes within the time of a handshake. */
  async #result(why: AskReason, goneReason: string, fresh?: NewIdentity): Promise<SharedAnswer> {
    const channel = this.#channel
    // when the socket has ended, its signal is aborted, but handlers that still run depend on the result
    const asker = channel.ended ? undefined : channel.signal
    const isLost = (): boolean => asker?.aborted ?? false
    try {
      const result = await withDeadline(
        channel.peer.context,
        (signal) => this.#grantNow({ why, signal, goneReason, fresh }),
        asker,
      )
      return { isLost: isLost(), result }
    } catch (error) {
      return { isLost: isLost(), result: error instanceof Denial ? error : notFoundOut(error) }
    }
  }

  async #grantNow({ why, signal, goneReason, fresh }: AccessQuestion): Promise<RevalidationResult> {
    const channel = this.#channel
    const { context } = channel.peer
    const authorized = channel.authorized
    const { accessVersion } = fresh ?? { accessVersion: context.accessCommands.version }
    const identity = await (fresh === undefined
      ? this.#renewed(authorized, goneReason)
      : this.#upToDate(fresh, goneReason))
    const { user, scopes = [] } = identity
    const { subject, params } = authorized
    const question = { user, subject, scopes, params, why, signal }
    const grant = orThrow(await callAuthorize(channel.options, question))
    return { identity, grant, accessVersion }
  }

  /**
   * The identity of a new credential. An access command may have arrived since it was authenticated; then it
   * is renewed first.
   */
  async #upToDate(fresh: NewIdentity, goneReason: string): Promise<Identity<unknown>> {
    const authorized = { ...this.#channel.authorized, ...fresh }
    return this.#channel.isOvertaken(authorized) ? this.#renewed(authorized, goneReason) : fresh.identity
  }

  /**
   * The identity as it is now.
   *
   * @throws Denial 401 when the identity is gone, or belongs to another subject
   */
  async #renewed(authorized: AuthorizedPeer, goneReason: string): Promise<Identity<unknown>> {
    const { identity } = authorized
    if (identity.renew === undefined) return identity
    const now = checkedIdentity(orThrow<Identity<unknown> | null>(await identity.renew()))
    if (now === null) throw new Denial(401, 'revoked', goneReason)
    assertSamePerson(this.#channel.peer.context, authorized, now)
    // an identity that could be renewed once can be renewed again
    return now.renew === undefined
      ? { ...now, renew: () => identity.renew?.() ?? Promise.resolve(null) }
      : now
  }

  #end(denial: Denial): RecheckOutcome {
    const why = denial.reason === 'revoked' ? 'revoked' : 'denied'
    this.#channel.end(why, denial.closeCode, denialReason(denial))
    return 'closed'
  }

  async #take(authorized: AuthorizedPeer, why: AskReason): Promise<RecheckOutcome> {
    const channel = this.#channel
    const { memberships } = channel
    const grantBefore = channel.authorized.grant
    const changed = !isSameGrant(grantBefore, authorized.grant)
    channel.become(authorized)
    channel.confirmed()
    const visibleBefore = memberships.grant
    try {
      // under the same grant too: memberships also depend on the user, who may have another name or team by
      // now
      await memberships.move(authorized)
    } catch (error) {
      channel.fail(error)
      return 'closed'
    }
    if (channel.over) return 'closed'
    if (!changed) return 'kept'
    channel.tell({ type: 'changed', why, told: !isSameGrant(visibleBefore, memberships.grant) })
    channel.changed(authorized.grant, grantBefore, memberships.grant)
    return 'changed'
  }
}

/**
 * Keeps a socket with the subject that opened it. Under another subject it would stay in rooms and histories
 * that are not its own.
 *
 * @throws Denial 401 when it is another subject, or the same subject in another tenant
 */
export function assertSamePerson(
  context: ServerContext,
  { identity: before, subject }: AuthorizedPeer,
  identity: Identity<unknown>,
): void {
  if (subjectOf(identity, subject) !== subject || context.tenant(identity) !== context.tenant(before))
    throw new Denial(401, 'other-subject', 'this credential belongs to another subject')
}

/** A new credential that was refused changes nothing; the caller that brought it handles the denial. */
function asBefore(): RecheckOutcome {
  return 'kept'
}

function notFoundOut(cause: unknown): Denial {
  const detail = 'authenticating and authorizing again'
  return new Denial(503, 'unavailable', 'your access could not be checked', { cause, detail })
}
