import { Denial } from '../wire/errors.ts'
import { asDenial } from './admit.ts'
import type { Door, Handshake } from './application.ts'
import { authenticate } from './authenticate.ts'
import type { NewCredential } from './codec.ts'
import { explicitCredentials } from './credentials.ts'
import type { Checks } from './doors.ts'
import type { Hub } from './hub.ts'
import type { Identity } from './identity.ts'
import { inTime } from './in-time.ts'
import { newId } from './new-id.ts'
import type { Opening } from './opening.ts'
import { refusalOf } from './refusal.ts'
import { assertSamePerson, type Fresh, type Standing } from './standing.ts'

/** What refreshes of one socket are made of. */
export interface RefreshParts {
  readonly hub: Hub
  readonly opening: Opening
  readonly checks: Checks
  /**
   * What was asked for at the handshake, without credentials; `null` for whoever is never asked for another one, such as
   * those who speak the plain wire.
   */
  readonly href: string | null
  /** The bound of the peer's messages; while it is asked for a credential, one of those fits as well. */
  readonly messageBytes: number
}

/**
 * The address for the first door of a later credential. It is made, and kept, only for those who may be asked for one: a URL is
 * parsed for it.
 */
export function hrefFor({ expires, renew }: Identity<unknown>, handshake: Handshake): string | null {
  // an identity without an end may be renewed into one that has one
  return expires === undefined && renew === undefined ? null : handshake.url.href
}

/**
 * Asks a peer on its open connection for a new credential, and takes it. Every question has a nonce that is good for one
 * answer, so that a replayed one is worth nothing; a new question replaces the one before. A credential that is refused
 * changes nothing: the one in use holds to its end.
 */
export class Refresh {
  readonly #parts: RefreshParts
  readonly #standing: Standing
  #nonce: string | null = null
  /** How many answers are being looked at. */
  #looking = 0

  constructor(parts: RefreshParts, standing: Standing) {
    this.#parts = parts
    this.#standing = standing
  }

  /** Asks whoever can be asked, unless an answer is being looked at. */
  ask(withinMs: number): void {
    const { opening, hub, href } = this.#parts
    if (this.#looking > 0 || href === null) return
    this.#nonce = newId()
    this.#bound(hub.limits.firstMessageBytes)
    opening.frame({ op: 'ask', nonce: this.#nonce, withinMs: Math.floor(withinMs) })
  }

  /** Takes an answer: both doors are asked with it, and the peer is told what came of it. It never rejects. */
  async take(credential: NewCredential): Promise<void> {
    this.#looking++
    try {
      const fresh = await this.#identify(credential)
      await this.#standing.refresh(fresh)
      if (!this.#parts.opening.ended) this.#accepted(fresh.nonce)
    } catch (error) {
      this.#refused(credential.nonce, asDenial(error))
    } finally {
      this.#looking--
    }
  }

  /**
   * Who brings this credential. Whether that was revoked meanwhile is asked after the last wait.
   *
   * @throws Denial 409 when nobody asked, 401 when the credential is not accepted, is somebody else's, or ends no later
   * than the one in use; 503 when the first door cannot be asked
   */
  async #identify({ nonce, scheme, token: value }: NewCredential): Promise<Fresh> {
    const { hub, opening, checks } = this.#parts
    if (nonce !== this.#nonce)
      throw new Denial(409, 'not-asked', 'this question was answered already, or never asked')
    this.#nonce = null
    this.#bound(0)
    const asOf = hub.orders.given
    const credentials = explicitCredentials({ scheme, value, carrier: 'refresh' })
    const identity = await inTime(
      hub,
      (signal) => authenticate(checks.auth, { ...this.#door(signal), credentials }),
      opening.signal,
    )
    assertSamePerson(hub, opening.visitor, identity)
    assertLater(opening.visitor.identity, identity)
    return { identity, nonce, asOf }
  }

  #door(signal: AbortSignal): Omit<Door, 'credentials'> {
    const { opening, href } = this.#parts
    const { id, path, origin, address } = opening.parts.place
    const url = new URL(href ?? unasked())
    return { id, path, origin, address, url, headers: new Headers(), signal }
  }

  #bound(least: number): void {
    const { opening, messageBytes } = this.#parts
    opening.parts.connection.bound(Math.max(least, messageBytes))
  }

  #accepted(nonce: string): void {
    const { hub, opening } = this.#parts
    const { contract, place } = opening.parts
    const expires = opening.visitor.identity.expires?.getTime() ?? null
    const lives = expires === null ? {} : { expiresInMs: expires - hub.clock.now() }
    opening.frame({ op: 'auth', nonce, ...lives, dropped: [] })
    hub.emit({ type: 'refreshed', contract: contract.path, expires, ...place })
  }

  #refused(nonce: string, denial: Denial): void {
    const { hub, opening } = this.#parts
    // what a door throws because its signal was aborted is no news
    if (opening.ended) return
    const { contract, place } = opening.parts
    const { status, reason: code, detail, cause } = denial
    if (cause !== undefined) hub.repeatedFaults.tell(cause, detail ?? 'taking a new credential')
    hub.emit({ type: 'refresh-refused', contract: contract.path, status, code, detail, ...place })
    opening.frame({ op: 'auth', nonce, refused: refusalOf(denial, place.id) })
  }
}

function assertLater(before: Identity<unknown>, { expires }: Identity<unknown>): void {
  // one without an end may have taken the place of the one that was to be replaced
  const end = before.expires?.getTime() ?? Number.POSITIVE_INFINITY
  if (expires !== undefined && expires.getTime() <= end)
    throw new Denial(401, 'not-later', 'this credential ends no later than the one in use')
}

function unasked(): never {
  throw new TypeError('a socket was asked for a credential that cannot be asked')
}
