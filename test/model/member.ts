import type { TestClock } from '../../src/testing.ts'
import { grantOf, type Visitor } from './system.ts'
import type { Right, Room } from './steps.ts'
import type { Credential, OutsideState } from './outside-state.ts'

/** A message that its handler has not finished with. */
export interface Saying {
  readonly text: string
  readonly sent: Promise<unknown>
  readonly goOn: () => void
}

/** When something was so, on both clocks. */
export interface Times {
  readonly wall: number
  readonly monotonic: number
}

/** What an inside is made of. */
export interface MemberParts {
  readonly room: Room
  readonly node: number
  readonly visitor: Visitor
  readonly clock: TestClock
  readonly outsideState: OutsideState
}

/** A wall clock that was set shows within so long. */
const noticedMs = 10_000

/** A user who has come in, as the model sees it; also after they have left, while their messages wait. */
export class Member {
  readonly room: Room
  readonly node: number
  readonly visitor: Visitor
  credential: Credential
  /** The right that was authorized last. */
  right: Right
  closed = false
  /** Whether that was their own wish: what they have said before is heard, as long as they had a right to say it. */
  left = false
  /** Whether access has ended: nothing of what they have said is heard any more. */
  silenced = false
  /** What they have said and was not heard yet: the first is at work, the others wait. */
  sayings: Saying[] = []
  /** Whether their socket is closed in the system. */
  isReallyClosed = false
  readonly #parts: MemberParts
  /** When the credential ends, by the time that passes. */
  #due = 0
  /** Whether the wall clock has ever shown its end, and since when it does, on the monotonic clock. */
  #hasPassed = false
  #passedSince: number | null = null
  /** Of one who has left: whether that was ever so since, and whether their right was ever another than it seems. */
  #mayBeOver = false
  #mayDiffer = false

  constructor(parts: MemberParts, credential: Credential, right: Right) {
    this.#parts = parts
    this.room = parts.room
    this.node = parts.node
    this.visitor = parts.visitor
    this.credential = credential
    this.right = right
    this.adopt(credential, right, { wall: parts.clock.now(), monotonic: parts.clock.monotonic() })
    void parts.visitor.closed.then(() => (this.isReallyClosed = true))
  }

  /** Whether the end of access reaches them: who is inside, and who has left while what they said is not heard. */
  get isReached(): boolean {
    return !this.closed || (this.left && !this.silenced && this.sayings.length > 0)
  }

  /** Whether it does for sure: the model cannot see whether it reached a member before that member left. */
  get isSurelyReached(): boolean {
    return this.isReached && !(this.left && this.mayHaveEnded)
  }

  /** What the directory says of their right now. */
  get trueRight(): Right {
    return this.#parts.outsideState.right(this.credential.user, this.room)
  }

  /** Whether their access may have ended by what is not told at once: by the clock, or because a recheck answers otherwise. */
  get mayHaveEnded(): boolean {
    const { outsideState } = this.#parts
    return (
      this.#mayBeOver ||
      this.#hasPassed ||
      !outsideState.isKnown(this.credential) ||
      this.trueRight === 'none'
    )
  }

  /** Whether the right of one who has left may be another one by now, and was not rechecked yet. */
  get mayDiffer(): boolean {
    return this.#mayDiffer || this.right !== this.trueRight
  }

  /** Takes over a new credential, which was known as such at some time. */
  adopt(credential: Credential, right: Right, { wall, monotonic }: Times): void {
    this.credential = credential
    this.right = right
    this.#due = monotonic + credential.expires - wall
    this.#hasPassed = false
    this.#passedSince = null
    if (right === 'none') this.end()
  }

  /** Access has ended. @returns how many messages are dropped that no handler has seen */
  end(): number {
    const dropped = Math.max(0, this.sayings.length - 1)
    this.closed = true
    this.silenced = true
    this.sayings = this.sayings.slice(0, 1)
    return dropped
  }

  /**
   * A recheck, which a ticket survives that has ended.
   *
   * @param when whether that happens now, or has happened at some time in the minute before
   * @returns how many messages are dropped, if access has ended
   */
  asked(when: 'now' | 'lately'): number {
    const { outsideState } = this.#parts
    const { credential } = this
    this.right = this.trueRight
    this.#mayDiffer = false
    const isGone = when === 'now' && credential.kind !== 'ticket' && outsideState.hasExpired(credential)
    return isGone || !outsideState.isKnown(credential) || this.right === 'none' ? this.end() : 0
  }

  /** Time has passed, or the clock was set: the credential may have ended. */
  watch(): void {
    const { clock, outsideState } = this.#parts
    const { expires } = this.credential
    const [now, monotonic] = [clock.now(), clock.monotonic()]
    if (expires > now) this.#passedSince = null
    else {
      this.#hasPassed = true
      this.#passedSince ??= Math.max(outsideState.setAt, monotonic - (now - expires))
    }
    this.#mayDiffer ||= this.left && this.mayDiffer
    this.#mayBeOver ||= this.left && this.mayHaveEnded
    const noticed = (this.#passedSince ?? Number.POSITIVE_INFINITY) + noticedMs
    if (monotonic >= Math.min(this.#due, noticed)) this.end()
  }

  /** Takes from the system what it was free to do. @returns whether it has closed a socket that it was free to close */
  follow(): boolean {
    if (this.closed) return false
    if (this.isReallyClosed && this.mayHaveEnded) {
      this.end()
      return true
    }
    // what was not told is noticed within a minute
    if (JSON.stringify(this.visitor.grant) === JSON.stringify(grantOf(this.trueRight)))
      this.right = this.trueRight
    return false
  }
}
