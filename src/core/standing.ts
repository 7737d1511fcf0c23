import { Denial } from '../wire/errors.ts'
import type { Answer, Outcome, Questions, Said } from './answer.ts'
import { subjectOf } from './authenticate.ts'
import { type Checks, secondDoor, type Visitor, type Why } from './doors.ts'
import type { Hub } from './hub.ts'
import { inTime } from './in-time.ts'
import { dated, type Identity } from './identity.ts'
import type { Opening } from './opening.ts'
import type { Places } from './places.ts'
import { denialReason, refusalOf } from './refusal.ts'
import { isSameGrant } from './same-grant.ts'

/** A new credential, as the first door knows it. */
export interface Fresh {
  readonly identity: Identity<unknown>
  /** The question that it answers. */
  readonly nonce: string
  /** How many orders had been heard when the first door was asked. */
  readonly asOf: number
}

/** What the standing of one socket is made of. */
export interface StandingParts {
  readonly hub: Hub
  readonly opening: Opening
  readonly checks: Checks
  readonly places: Places
  /** Lets the socket be found by what its visitor holds now. */
  hold(visitor: Visitor): void
  /** Whether somebody has said that rights have changed since the first door was asked. */
  isOvertaken(visitor: Visitor): boolean
}

/** A question that waits for its turn. */
interface Wanted {
  readonly why: Why
  readonly questions: Questions
}

/** Who hears what the doors have answered. */
export interface StandingHearer {
  /** The socket stays. */
  confirmed(): void
  /** The doors could not be asked: says what comes of that. */
  unknown(denial: Denial, why: Why): Outcome
}

/**
 * Whether someone may still be inside: asks both doors again while the socket is open, and takes their answer over, which
 * may be another grant, or the end. One question is under way at a time.
 */
export class Standing {
  readonly #parts: StandingParts
  readonly #hearer: StandingHearer
  #asking: Promise<Outcome> | null = null
  /** What is asked after that. */
  #wanted: Wanted | null = null
  #next: Promise<Outcome> | null = null

  constructor(parts: StandingParts, hearer: StandingHearer) {
    this.#parts = parts
    this.#hearer = hearer
  }

  /**
   * Asks both doors again; a question under way may have been answered before the change, so another one follows it, for
   * all who ask meanwhile. It never rejects.
   */
  recheck(why: Why, questions: Questions): Promise<Outcome> {
    if (this.#asking === null) return this.#ask(this.#reconsider(why, questions))
    // those of a lease may be under way since before the order that asks now
    if (this.#wanted === null || why === 'recheck') this.#wanted = { why, questions }
    return (this.#next ??= this.#recheckNext(this.#wanted))
  }

  async #recheckNext(first: Wanted): Promise<Outcome> {
    let before: Outcome = 'kept'
    while (this.#asking !== null) before = await this.#asking.catch(asBefore)
    const { why, questions } = this.#wanted ?? first
    this.#next = this.#wanted = null
    if (this.#parts.opening.over) return 'closed'
    const outcome = await this.#ask(this.#reconsider(why, questions))
    return outcome === 'kept' ? before : outcome
  }

  /**
   * Asks the second door with a new identity, and takes it over. What the door does not admit is listed for the peer, and
   * closed.
   *
   * @throws Denial when the credential was revoked meanwhile, or the door cannot be asked: the one in use holds
   */
  async refresh(fresh: Fresh): Promise<Outcome> {
    while (this.#asking !== null) await this.#asking.catch(asBefore)
    return this.#parts.opening.ended ? 'closed' : this.#ask(this.#adopt(fresh))
  }

  #ask(question: Promise<Outcome>): Promise<Outcome> {
    this.#asking = question.finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /** Both doors as they answer now, as far as the first can be asked again without the raw credential. */
  async #reconsider(why: Why, questions: Questions): Promise<Outcome> {
    const said = await this.#shared(why, questions)
    const { opening } = this.#parts
    if (opening.over) return 'closed'
    if (!(said instanceof Denial)) {
      const revoked = this.#revoked(said)
      return revoked === null ? this.#take({ ...opening.visitor, ...said }, why) : this.#end(revoked)
    }
    return said.status === 503 ? this.#hearer.unknown(said, why) : this.#end(said)
  }

  async #adopt(fresh: Fresh): Promise<Outcome> {
    const { opening } = this.#parts
    const { said } = await this.#doors('refresh', fresh)
    if (opening.ended) return 'closed'
    if (said instanceof Denial) return this.#drop(said, fresh)
    const revoked = this.#revoked(said)
    if (revoked !== null) throw revoked
    return this.#take({ ...opening.visitor, ...said }, 'refresh')
  }

  /** What the second door does not admit with a new credential. @throws Denial 503 when it could not be asked */
  #drop(denial: Denial, { nonce }: Fresh): Outcome {
    const { opening } = this.#parts
    if (denial.status === 503) throw denial
    const dropped = [{ in: opening.visitor.path, ...refusalOf(denial, opening.parts.place.id) }]
    opening.frame({ op: 'auth', nonce, dropped })
    return this.#end(denial)
  }

  #revoked(said: Said): Denial | null {
    const { hub, opening, places } = this.#parts
    return hub.revocations.against({ ...said, subject: opening.visitor.subject }, places.tenant)
  }

  /** The answer that everybody gets who asks the same now; one that was lost with its asker is asked for again. */
  async #shared(why: Why, questions: Questions): Promise<Said | Denial> {
    const { opening, checks } = this.#parts
    const what = this.#sameness()
    const ask = (): Promise<Answer> => this.#doors(why)
    for (;;) {
      const { isLost, said } = await (what === null ? ask() : questions.once(checks, what, ask))
      if (!isLost || opening.over) return said
    }
  }

  /**
   * What sockets have in common that get the same answer; `null` for one that nothing else is known to equal, such as one
   * of several tokens of a session, each with a word of its own on who it is. What was asked before an order is not shared
   * after it: it may have been answered before the change.
   */
  #sameness(): string | null {
    const { hub, opening, places } = this.#parts
    const { subject, identity } = opening.visitor
    const { session, token, scopes, renew } = identity
    if (token === undefined && (session === undefined || renew === undefined)) return null
    return JSON.stringify([places.room.key, subject, session, token, scopes, hub.orders.given])
  }

  /** What both doors answer within the time of a handshake. */
  async #doors(why: Why, fresh?: Fresh): Promise<Answer> {
    const { hub, opening } = this.#parts
    // where the socket has ended, its signal is aborted, and handlers still rely on the answer
    const asker = opening.ended ? undefined : opening.signal
    const isLost = (): boolean => asker?.aborted ?? false
    try {
      const said = await inTime(hub, (signal) => this.#asked(why, signal, fresh), asker)
      return { isLost: isLost(), said }
    } catch (error) {
      return { isLost: isLost(), said: error instanceof Denial ? error : notFoundOut(error) }
    }
  }

  async #asked(why: Why, signal: AbortSignal, fresh?: Fresh): Promise<Said> {
    const { hub, opening, checks } = this.#parts
    const { visitor } = opening
    const { asOf } = fresh ?? { asOf: hub.orders.given }
    const identity = fresh === undefined ? await this.#renewed(visitor) : await this.#upToDate(fresh)
    const { user, scopes = [] } = identity
    const { subject, params } = visitor
    const grant = await secondDoor(checks, { user, subject, scopes, params, why, signal })
    return { identity, grant, asOf }
  }

  /** Whoever has brought a new credential, as a recheck that has overtaken it would find them: that one was not asked about it. */
  async #upToDate(fresh: Fresh): Promise<Identity<unknown>> {
    const visitor = { ...this.#parts.opening.visitor, ...fresh }
    return this.#parts.isOvertaken(visitor) ? this.#renewed(visitor) : fresh.identity
  }

  /** The identity as it is now. @throws Denial 401 when it is nobody, or somebody else, any more */
  async #renewed(visitor: Visitor): Promise<Identity<unknown>> {
    const { identity } = visitor
    if (identity.renew === undefined) return identity
    const now = dated(await identity.renew())
    if (now === null) throw new Denial(401, 'revoked', 'you are no longer signed in')
    assertSamePerson(this.#parts.hub, visitor, now)
    // who could be asked again once can be asked again the next time
    return now.renew === undefined
      ? { ...now, renew: () => identity.renew?.() ?? Promise.resolve(null) }
      : now
  }

  #end(denial: Denial): Outcome {
    const why = denial.reason === 'revoked' ? 'revoked' : 'denied'
    this.#parts.opening.end(why, denial.closeCode, denialReason(denial))
    return 'closed'
  }

  async #take(visitor: Visitor, why: Why): Promise<Outcome> {
    const { opening, places } = this.#parts
    const before = opening.visitor.grant
    const changed = !isSameGrant(before, visitor.grant)
    opening.become(visitor)
    this.#parts.hold(visitor)
    this.#hearer.confirmed()
    const toldBefore = places.grant
    try {
      // under the same grant too: places follow the user as well, who may have another name or team by now
      await places.move(visitor)
    } catch (error) {
      opening.fail(error)
      return 'closed'
    }
    if (opening.over) return 'closed'
    if (!changed) return 'kept'
    opening.tell({ type: 'changed', why, told: !isSameGrant(toldBefore, places.grant) })
    opening.changed(visitor.grant, before, places.grant)
    return 'changed'
  }
}

/**
 * A socket stays with whom it was opened by: in other hands it would be in rooms and histories of somebody else.
 *
 * @throws Denial 401 when it is another subject, or the same one in another tenant
 */
export function assertSamePerson(
  hub: Hub,
  { identity: before, subject }: Visitor,
  identity: Identity<unknown>,
): void {
  if (subjectOf(identity, subject) !== subject || hub.tenant(identity) !== hub.tenant(before))
    throw new Denial(401, 'other-subject', 'this credential belongs to somebody else')
}

/** A new credential that was not taken has changed nothing; why is told to whoever brought it. */
function asBefore(): Outcome {
  return 'kept'
}

function notFoundOut(cause: unknown): Denial {
  const detail = 'asking the doors again'
  return new Denial(503, 'unavailable', 'whether you may stay could not be found out', { cause, detail })
}
