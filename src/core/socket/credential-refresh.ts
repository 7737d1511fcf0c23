import { Denial } from '../../wire/errors.ts'
import { asDenial } from '../admission/admit.ts'
import type { AuthRequest } from '../api/handshake.ts'
import { authenticate } from '../access/authenticate.ts'
import { orThrow } from '../access/authenticator.ts'
import type { NewCredential } from './codec.ts'
import { explicitCredentials } from '../access/credentials.ts'
import { endOf, type Identity } from '../api/identity.ts'
import { withDeadline } from '../runtime/deadline.ts'
import { newId } from '../runtime/id.ts'
import { refusalOf } from '../access/denial-response.ts'
import type { NewIdentity, OpenPeer } from './interfaces.ts'
import { assertSamePerson } from './revalidation.ts'

/**
 * Asks a peer on its open connection for a new credential, and takes the answer. Every request has a nonce
 * that is valid for one answer, so a replayed answer is refused. A new request replaces the one before. A
 * credential that is refused changes nothing: the one in use stays valid to its end.
 */
export class CredentialRefresh {
  readonly #peer: OpenPeer
  #nonce: string | null = null
  /** How many answers are being checked. */
  #looking = 0

  constructor(peer: OpenPeer) {
    this.#peer = peer
  }

  /** Asks the peer, if it can be asked and no answer is being checked. */
  ask(withinMs: number): void {
    const peer = this.#peer
    if (this.#looking > 0 || !peer.codec.framed) return
    this.#nonce = newId()
    this.#bound(peer.context.limits.firstMessageBytes)
    peer.frame({ op: 'ask', nonce: this.#nonce, withinMs: Math.floor(withinMs) })
  }

  /**
   * Takes an answer: authenticates and authorizes with the new credential, and sends the result to the peer.
   * It never rejects.
   */
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
   * The identity of the new credential. Whether it was revoked meanwhile is checked later, after the last
   * wait.
   *
   * @throws Denial 409 when there was no request; 401 when the credential is not accepted, has another
   * subject, or ends no later than the one in use; 503 when authentication does not answer
   */
  async #identify({ nonce, scheme, token: value }: NewCredential): Promise<NewIdentity> {
    const { context, options, authorized, signal: gone } = this.#peer
    if (nonce !== this.#nonce)
      throw new Denial(409, 'not-asked', 'this request was answered already, or never sent')
    this.#nonce = null
    this.#bound(0)
    const accessVersion = context.accessCommands.version
    const credentials = explicitCredentials({ scheme, value, carrier: 'refresh' })
    const identity = orThrow(
      await withDeadline(
        context,
        async (signal) => authenticate(options.auth, { ...this.#authRequest(signal), credentials }),
        gone,
      ),
    )
    assertSamePerson(context, authorized, identity)
    assertLater(this.#peer.identity, identity)
    return { identity, nonce, accessVersion }
  }

  #authRequest(signal: AbortSignal): Omit<AuthRequest, 'credentials'> {
    const { id, path, origin, address } = this.#peer.info
    const url = new URL(this.#peer.href)
    return { id, path, origin, address, url, headers: new Headers(), signal }
  }

  #bound(least: number): void {
    const { connection, messageBytes } = this.#peer
    connection.bound(Math.max(least, messageBytes))
  }

  #accepted(nonce: string): void {
    const peer = this.#peer
    const expires = endOf(peer.identity)
    const lives = expires === null ? {} : { expiresInMs: expires - peer.context.clock.now() }
    peer.frame({ op: 'auth', nonce, ...lives, dropped: [] })
    peer.tell({ type: 'refreshed', expires })
  }

  #refused(nonce: string, denial: Denial): void {
    const peer = this.#peer
    // an error that the aborted signal has caused is not reported
    if (peer.ended) return
    const { status, reason: code, detail, cause } = denial
    if (cause !== undefined) peer.context.repeatedFaults.tell(cause, detail ?? 'taking a new credential')
    peer.tell({ type: 'refresh-refused', status, code, detail })
    peer.frame({ op: 'auth', nonce, refused: refusalOf(denial, peer.info.id) })
  }
}

function assertLater(before: Identity<unknown>, fresh: Identity<unknown>): void {
  // the credential in use may have been replaced by one without an end since the request
  const end = endOf(before) ?? Number.POSITIVE_INFINITY
  const freshEnd = endOf(fresh)
  if (freshEnd !== null && freshEnd <= end)
    throw new Denial(401, 'not-later', 'this credential ends no later than the one in use')
}
