import type { AskReason } from '../api/events.ts'
import { Denial } from '../../wire/errors.ts'
import type {
  SharedAnswer,
  RecheckOutcome,
  SharedRechecks,
  RevalidationResult,
} from '../access/revalidation-result.ts'
import { subjectOf } from '../access/authenticate.ts'
import { callAuthorize, type AuthorizedPeer } from '../access/authorize.ts'
import type { ServerContext } from '../server-context.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { dated, type Identity } from '../api/identity.ts'
import type { NewIdentity, OpenChannel } from './peer-and-channel.ts'
import { denialReason, refusalOf } from '../access/denial-response.ts'
import { isSameGrant } from '../access/grant-equality.ts'

/** A question that waits for its turn. */
interface QueuedRecheck {
  readonly why: AskReason
  readonly questions: SharedRechecks
}

/**
 * Whether someone may still be inside: asks both doors again while the socket is open, and takes their answer over, which
 * may be another grant, or the end. One question is under way at a time.
 */
export class Revalidator {
  readonly #channel: OpenChannel
  #asking: Promise<RecheckOutcome> | null = null
  /** What is asked after that. */
  #wanted: QueuedRecheck | null = null
  #next: Promise<RecheckOutcome> | null = null

  constructor(channel: OpenChannel) {
    this.#channel = channel
  }

  /**
   * Asks both doors again; a question under way may have been answered before the change, so another one follows it, for
   * all who ask meanwhile. It never rejects.
   */
  recheck(why: AskReason, questions: SharedRechecks): Promise<RecheckOutcome> {
    if (this.#asking === null) return this.#ask(this.#reconsider(why, questions))
    // those of a lease may be under way since before the order that asks now
    if (this.#wanted === null || why === 'recheck') this.#wanted = { why, questions }
    return (this.#next ??= this.#recheckNext(this.#wanted))
  }

  async #recheckNext(first: QueuedRecheck): Promise<RecheckOutcome> {
    let before: RecheckOutcome = 'kept'
    while (this.#asking !== null) before = await this.#asking.catch(asBefore)
    const { why, questions } = this.#wanted ?? first
    this.#next = this.#wanted = null
    if (this.#channel.over) return 'closed'
    const outcome = await this.#ask(this.#reconsider(why, questions))
    return outcome === 'kept' ? before : outcome
  }

  /**
   * Asks the second door with a new identity, and takes it over. What the door does not admit is listed for the peer, and
   * closed.
   *
   * @throws Denial when the credential was revoked meanwhile, or the door cannot be asked: the one in use holds
   */
  async refresh(fresh: NewIdentity): Promise<RecheckOutcome> {
    while (this.#asking !== null) await this.#asking.catch(asBefore)
    return this.#channel.ended ? 'closed' : this.#ask(this.#adopt(fresh))
  }

  #ask(question: Promise<RecheckOutcome>): Promise<RecheckOutcome> {
    this.#asking = question.finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /** Both doors as they answer now, as far as the first can be asked again without the raw credential. */
  async #reconsider(why: AskReason, questions: SharedRechecks): Promise<RecheckOutcome> {
    const said = await this.#shared(why, questions)
    const channel = this.#channel
    if (channel.over) return 'closed'
    if (!(said instanceof Denial)) {
      const revoked = this.#revoked(said)
      return revoked === null ? this.#take({ ...channel.authorized, ...said }, why) : this.#end(revoked)
    }
    return said.status === 503 ? this.#channel.unanswered(said, why) : this.#end(said)
  }

  async #adopt(fresh: NewIdentity): Promise<RecheckOutcome> {
    const channel = this.#channel
    const { result: said } = await this.#doors('refresh', fresh)
    if (channel.ended) return 'closed'
    if (said instanceof Denial) return this.#drop(said, fresh)
    const revoked = this.#revoked(said)
    if (revoked !== null) throw revoked
    return this.#take({ ...channel.authorized, ...said }, 'refresh')
  }

  /** What the second door does not admit with a new credential. @throws Denial 503 when it could not be asked */
  #drop(denial: Denial, { nonce }: NewIdentity): RecheckOutcome {
    const channel = this.#channel
    if (denial.status === 503) throw denial
    const dropped = [{ in: channel.authorized.path, ...refusalOf(denial, channel.peer.info.id) }]
    channel.peer.frame({ op: 'auth', nonce, dropped })
    return this.#end(denial)
  }

  #revoked(said: RevalidationResult): Denial | null {
    const channel = this.#channel
    const { context } = channel.peer
    return context.revocations.against(
      { ...said, subject: channel.authorized.subject },
      channel.memberships.tenant,
    )
  }

  /** The answer that everybody gets who asks the same now; one that was lost with its asker is asked for again. */
  async #shared(why: AskReason, questions: SharedRechecks): Promise<RevalidationResult | Denial> {
    const channel = this.#channel
    const what = this.#sameness()
    const ask = (): Promise<SharedAnswer> => this.#doors(why)
    for (;;) {
      const { isLost, result: said } = await (what === null
        ? ask()
        : questions.once(channel.options, what, ask))
      if (!isLost || channel.over) return said
    }
  }

  /**
   * What sockets have in common that get the same answer; `null` for one that nothing else is known to equal, such as one
   * of several tokens of a session, each with a word of its own on who it is. What was asked before an order is not shared
   * after it: it may have been answered before the change.
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

  /** What both doors answer within the time of a handshake. */
  async #doors(why: AskReason, fresh?: NewIdentity): Promise<SharedAnswer> {
    const channel = this.#channel
    // where the socket has ended, its signal is aborted, and handlers still rely on the answer
    const asker = channel.ended ? undefined : channel.signal
    const isLost = (): boolean => asker?.aborted ?? false
    try {
      const said = await withDeadline(
        channel.peer.context,
        (signal) => this.#asked(why, signal, fresh),
        asker,
      )
      return { isLost: isLost(), result: said }
    } catch (error) {
      return { isLost: isLost(), result: error instanceof Denial ? error : notFoundOut(error) }
    }
  }

  async #asked(why: AskReason, signal: AbortSignal, fresh?: NewIdentity): Promise<RevalidationResult> {
    const channel = this.#channel
    const { context } = channel.peer
    const visitor = channel.authorized
    const { accessVersion } = fresh ?? { accessVersion: context.accessCommands.version }
    const identity = fresh === undefined ? await this.#renewed(visitor) : await this.#upToDate(fresh)
    const { user, scopes = [] } = identity
    const { subject, params } = visitor
    const grant = await callAuthorize(channel.options, { user, subject, scopes, params, why, signal })
    return { identity, grant, accessVersion }
  }

  /** Whoever has brought a new credential, as a recheck that has overtaken it would find them: that one was not asked about it. */
  async #upToDate(fresh: NewIdentity): Promise<Identity<unknown>> {
    const visitor = { ...this.#channel.authorized, ...fresh }
    return this.#channel.isOvertaken(visitor) ? this.#renewed(visitor) : fresh.identity
  }

  /** The identity as it is now. @throws Denial 401 when it is nobody, or somebody else, any more */
  async #renewed(visitor: AuthorizedPeer): Promise<Identity<unknown>> {
    const { identity } = visitor
    if (identity.renew === undefined) return identity
    const now = dated(await identity.renew())
    if (now === null) throw new Denial(401, 'revoked', 'you are no longer signed in')
    assertSamePerson(this.#channel.peer.context, visitor, now)
    // who could be asked again once can be asked again the next time
    return now.renew === undefined
      ? { ...now, renew: () => identity.renew?.() ?? Promise.resolve(null) }
      : now
  }

  #end(denial: Denial): RecheckOutcome {
    const why = denial.reason === 'revoked' ? 'revoked' : 'denied'
    this.#channel.end(why, denial.closeCode, denialReason(denial))
    return 'closed'
  }

  async #take(visitor: AuthorizedPeer, why: AskReason): Promise<RecheckOutcome> {
    const channel = this.#channel
    const { memberships } = channel
    const before = channel.authorized.grant
    const changed = !isSameGrant(before, visitor.grant)
    channel.become(visitor)
    channel.confirmed()
    const toldBefore = memberships.grant
    try {
      // under the same grant too: places follow the user as well, who may have another name or team by now
      await memberships.move(visitor)
    } catch (error) {
      channel.fail(error)
      return 'closed'
    }
    if (channel.over) return 'closed'
    if (!changed) return 'kept'
    channel.tell({ type: 'changed', why, told: !isSameGrant(toldBefore, memberships.grant) })
    channel.changed(visitor.grant, before, memberships.grant)
    return 'changed'
  }
}

/**
 * A socket stays with whom it was opened by: in other hands it would be in rooms and histories of somebody else.
 *
 * @throws Denial 401 when it is another subject, or the same one in another tenant
 */
export function assertSamePerson(
  context: ServerContext,
  { identity: before, subject }: AuthorizedPeer,
  identity: Identity<unknown>,
): void {
  if (subjectOf(identity, subject) !== subject || context.tenant(identity) !== context.tenant(before))
    throw new Denial(401, 'other-subject', 'this credential belongs to somebody else')
}

/** A new credential that was not taken has changed nothing; why is told to whoever brought it. */
function asBefore(): RecheckOutcome {
  return 'kept'
}

function notFoundOut(cause: unknown): Denial {
  const detail = 'asking the doors again'
  return new Denial(503, 'unavailable', 'whether you may stay could not be found out', { cause, detail })
}
