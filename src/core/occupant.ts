import { protocolName } from '../wire/carrier.ts'
import type { Contract } from '../wire/contract.ts'
import type { Outcome, Questions } from './answer.ts'
import { type Handshake, hub } from './application.ts'
import { type Codec, frameCodec, type NewCredential } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Visitor } from './doors.ts'
import type { Member } from './groups.ts'
import type { Hub } from './hub.ts'
import { isGuest } from './identity.ts'
import { accountKey } from './keys.ts'
import { Lifetime, type LifetimeParts, type Span } from './lifetime.ts'
import type { EndpointLimits } from './limits.ts'
import { Opening, type OpeningParts } from './opening.ts'
import { placeOf } from './place.ts'
import type { Places } from './places.ts'
import { networkOf } from './network.ts'
import { hrefFor } from './refresh.ts'
import type { Holder, OpenSocket } from './registry.ts'
import type { LeaveReason, Place } from './report.ts'
import type { Entering, Terms } from './terms.ts'

/** What someone brings in. */
export interface OccupantParts {
  /** The id of the socket. */
  readonly id: string
  readonly visitor: Visitor
  readonly places: Places
  readonly holder: Holder
  readonly connection: Connection
}

/**
 * Someone who is inside, with all that is theirs, until their socket ends. The opening, the lifetime, the groups and the
 * registry see the same record, each its own side of it: ten thousand are open at once, and each of these
 * would otherwise note the same for itself, with a closure for whatever may happen. Nothing of the handshake
 * is kept but what {@link Place} says, and an address without credentials for those who may be asked for another one.
 */
export class Occupant implements OpeningParts, LifetimeParts, OpenSocket, Member {
  readonly id: string
  readonly hub: Hub
  readonly contract: Contract
  readonly checks: Terms
  readonly connection: Connection
  readonly codec: Codec
  readonly framed: boolean
  readonly path: string
  readonly place: Place
  readonly places: Places
  readonly href: string | null
  /** The account that pays for what this socket costs; see {@link accountKey}. */
  readonly account: string
  readonly opening: Opening
  readonly lifetime: Lifetime
  holder: Holder

  constructor(handshake: Handshake, { contract, terms }: Entering, parts: OccupantParts) {
    const { id, visitor, places, holder, connection } = parts
    this.id = id
    this.hub = handshake[hub]
    this.contract = contract
    this.checks = terms
    this.connection = connection
    this.codec = codecOf(connection, terms, visitor)
    this.framed = this.codec.framed
    this.path = visitor.path
    this.place = placeOf(handshake, visitor)
    this.places = places
    this.href = this.framed ? hrefFor(visitor.identity, handshake) : null
    this.account = accountKey(holder)
    this.holder = holder
    this.opening = new Opening(this, visitor)
    this.lifetime = new Lifetime(this)
  }

  get span(): Span {
    return this.checks.span
  }

  get messageBytes(): number {
    return this.checks.limits.message ?? this.hub.limits.messageBytes
  }

  get limits(): EndpointLimits {
    return this.checks.limits
  }

  get isGuest(): boolean {
    return isGuest(this.opening.visitor.identity)
  }

  get siblings(): number {
    return this.hub.registry.countOf(this.holder)
  }

  leave(isLost: boolean): void {
    this.hub.registry.leave(this)
    if (isLost) this.places.hide()
    this.places.vacate()
  }

  forget(): void {
    this.lifetime.stop()
    this.hub.registry.delete(this)
  }

  get hasLeft(): boolean {
    return this.opening.ended
  }

  get dropped(): number {
    return this.opening.dropped
  }

  lapse(): void {
    this.lifetime.lapse()
  }

  refresh(credential: NewCredential): void {
    void this.lifetime.refresh(credential)
  }

  hold(visitor: Visitor): void {
    this.hub.registry.move(this, holderOf(visitor, this.places, this.place.address))
  }

  isOvertaken(visitor: Visitor): boolean {
    return this.hub.orders.hasOvertaken(holderOf(visitor, this.places, this.place.address), visitor.asOf)
  }

  isDatedAfter(wallMs: number): boolean {
    const { issuedAt } = this.opening.visitor.identity
    return issuedAt !== undefined && issuedAt.getTime() > wallMs
  }

  isRevoked(): boolean {
    return this.hub.revocations.against(this.opening.visitor, this.places.tenant) !== null
  }

  get isRenewable(): boolean {
    const { identity } = this.opening.visitor
    return isGuest(identity) || identity.renew !== undefined
  }

  isBarred(): boolean {
    return this.isRevoked() || this.isOvertaken(this.opening.visitor)
  }

  end(why: LeaveReason, code: number, reason: string): void {
    this.opening.end(why, code, reason)
  }

  evict(by: string): void {
    if (!this.hasLeft) this.opening.tell({ type: 'evicted', by })
    this.end('evicted', 4409, 'replaced: you have opened too many connections since')
  }

  drain(retryAfterMs: number): Promise<void> {
    return this.opening.drain(retryAfterMs)
  }

  async recheck(questions: Questions): Promise<Outcome> {
    // what has come to its end while others were asked about was closed by nobody
    return this.opening.over ? 'kept' : this.lifetime.recheck('recheck', questions)
  }
}

/** What a visitor can be found by. */
export function holderOf({ subject, identity }: Visitor, places: Places, address: string): Holder {
  const { session, token } = identity
  const network = isGuest(identity) ? networkOf(address) : undefined
  return { tenant: places.tenant, subject, session, token, room: places.room.key, network }
}

function codecOf({ protocol }: Connection, { plain }: Terms, { path }: Visitor): Codec {
  return protocol === protocolName ? frameCodec(path) : plain
}
