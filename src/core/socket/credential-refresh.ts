import { Denial } from '../../wire/errors.ts'
import { asDenial } from '../admission/admit.ts'
import type { AuthRequest, Handshake } from '../api/handshake.ts'
import { authenticate } from '../access/authenticate.ts'
import type { NewCredential } from './codec.ts'
import { explicitCredentials } from '../access/credentials.ts'
import type { Identity } from '../api/identity.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { newId } from '../runtime/id.ts'
import { refusalOf } from '../access/denial-response.ts'
import type { NewIdentity, OpenPeer } from './peer-and-channel.ts'
import { assertSamePerson } from './revalidation.ts'

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
export class CredentialRefresh {
  readonly #peer: OpenPeer
  #nonce: string | null = null
  /** How many answers are being looked at. */
  #looking = 0

  constructor(peer: OpenPeer) {
    this.#peer = peer
  }

  /** Asks whoever can be asked, unless an answer is being looked at. */
  ask(withinMs: number): void {
    const peer = this.#peer
    if (this.#looking > 0 || peer.href === null) return
    this.#nonce = newId()
    this.#bound(peer.context.limits.firstMessageBytes)
    peer.frame({ op: 'ask', nonce: this.#nonce, withinMs: Math.floor(withinMs) })
  }

  /** Takes an answer: both doors are asked with it, and the peer is told what came of it. It never rejects. */
  async take(credential: NewCredential): Promise<void> {
    this.#looking++
    try {
      const fresh = await this.#identify(credential)
      for (const channel of this.#peer.channels) await channel.refresh(fresh)
      if (!this.#peer.ended) this.#accepted(fresh.nonce)
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
  async #identify({ nonce, scheme, token: value }: NewCredential): Promise<NewIdentity> {
    const { context, options, authorized, signal: gone } = this.#peer
    if (nonce !== this.#nonce)
      throw new Denial(409, 'not-asked', 'this question was answered already, or never asked')
    this.#nonce = null
    this.#bound(0)
    const accessVersion = context.accessCommands.version
    const credentials = explicitCredentials({ scheme, value, carrier: 'refresh' })
    const identity = await withDeadline(
      context,
      (signal) => authenticate(options.auth, { ...this.#door(signal), credentials }),
      gone,
    )
    assertSamePerson(context, authorized, identity)
    assertLater(this.#peer.identity, identity)
    return { identity, nonce, accessVersion }
  }

  #door(signal: AbortSignal): Omit<AuthRequest, 'credentials'> {
    const { info, href } = this.#peer
    const { id, path, origin, address } = info
    const url = new URL(href ?? unasked())
    return { id, path, origin, address, url, headers: new Headers(), signal }
  }

  #bound(least: number): void {
    const { connection, messageBytes } = this.#peer
    connection.bound(Math.max(least, messageBytes))
  }

  #accepted(nonce: string): void {
    const peer = this.#peer
    const expires = peer.identity.expires?.getTime() ?? null
    const lives = expires === null ? {} : { expiresInMs: expires - peer.context.clock.now() }
    peer.frame({ op: 'auth', nonce, ...lives, dropped: [] })
    peer.tell({ type: 'refreshed', expires })
  }

  #refused(nonce: string, denial: Denial): void {
    const peer = this.#peer
    // what is thrown because the signal was aborted is no news
    if (peer.ended) return
    const { status, reason: code, detail, cause } = denial
    if (cause !== undefined) peer.context.repeatedFaults.tell(cause, detail ?? 'taking a new credential')
    peer.tell({ type: 'refresh-refused', status, code, detail })
    peer.frame({ op: 'auth', nonce, refused: refusalOf(denial, peer.info.id) })
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
