import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import { encodeFrame, encodeWithList, type PresentMember as Present } from '../../wire/frame.ts'
import { check, type Schema } from '../../wire/schema.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import type { SocketKeys } from '../access/registry.ts'
import { isGuest } from '../api/identity.ts'
import { networkOf } from '../runtime/ip-network.ts'
import type { GroupMember, GroupMembership } from '../groups/groups.ts'
import type { ServerContext } from '../server-context.ts'
import { type Address, groupAddress, subjectAddress } from '../groups/address.ts'
import type { PresenceEntry } from '../groups/presence.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'

/** The options of an endpoint that decide groups and presence. */
export interface MembershipOptions {
  readonly presence: ((who: object) => object | null) | undefined
  readonly audience: ((who: object) => readonly string[]) | undefined
  readonly limits: {
    /** Up to how many members the clients get a list of; above it they get a count. */
    readonly members: number | undefined
  }
}

/** What the memberships of a socket are computed from. */
export interface MembershipsParts {
  readonly context: ServerContext
  readonly contract: Contract
  readonly options: MembershipOptions
  /** The id of the socket. */
  readonly socket: string
}

/**
 * Reserves the memberships of an authorized peer: its room, its audiences, its subject, and presence. Answers
 * at once where this node has them all already, or the layer answers at once.
 *
 * @throws (or rejects with) Denial 503 when the layer is away, or the result of an option of the endpoint
 * does not fit its contract
 */
export function reserveMemberships(
  parts: MembershipsParts,
  authorized: AuthorizedPeer,
): Awaitable<Memberships> {
  const memberships = new Memberships(parts, authorized)
  try {
    const reserving = memberships.reserve(authorized)
    return isThenable(reserving) ? reservedLater(memberships, reserving) : memberships
  } catch (error) {
    throw unprepared(memberships, error)
  }
}

async function reservedLater(
  memberships: Memberships,
  reserving: PromiseLike<unknown>,
): Promise<Memberships> {
  try {
    await reserving
    return memberships
  } catch (error) {
    throw unprepared(memberships, error)
  }
}

/** Gives up what was reserved. @returns the denial for the peer */
function unprepared(memberships: Memberships, error: unknown): Denial {
  memberships.release()
  if (error instanceof Denial) return error
  return new Denial(503, 'unavailable', 'your memberships could not be prepared: come back later', {
    cause: error,
    detail: 'reserving memberships',
  })
}

const none: readonly GroupMembership[] = []

/**
 * The memberships of one socket. They are reserved before the handshake is accepted, so that the socket
 * misses no message sent after it.
 */
export class Memberships {
  /** The tenant of the room, where several tenants share a server. */
  readonly tenant: string
  readonly #parts: MembershipsParts
  /** The room, the subject, and one for each audience. */
  #memberships: readonly GroupMembership[] = none
  #room: Address
  #subject: Address
  #entry: PresenceEntry | null = null
  /** The presence that the other members see; `null` for none. */
  #presence: Present | null = null
  #member: GroupMember | null = null
  #released = false
  #grant: unknown

  constructor(parts: MembershipsParts, { identity, params, subject }: AuthorizedPeer) {
    this.#parts = parts
    this.tenant = parts.context.tenant(identity)
    this.#room = groupAddress(parts.contract, this.tenant, params)
    this.#subject = subjectAddress(parts.contract, this.tenant, subject)
  }

  /** The address of the room. */
  get room(): Address {
    return this.#room
  }

  /** Asks for all memberships at once, and waits only for those that this node does not have yet. */
  reserve(authorized: AuthorizedPeer): Awaitable<unknown> {
    const { contract, options } = this.#parts
    this.#grant = visibleGrant(contract, authorized.grant)
    const audiences = this.#audiences(authorized)
    if (options.presence !== undefined) this.#presence = this.#presenceOf(authorized)
    const waiting: Promise<void>[] = []
    const wait = (joining: Awaitable<void>): void => {
      if (isThenable(joining)) waiting.push(joining)
    }
    wait(this.#joinGroup(this.#room))
    wait(this.#joinGroup(this.#subject))
    for (const address of audiences) wait(this.#joinGroup(address))
    if (options.presence !== undefined) wait(this.#reservePresence())
    return waiting.length > 0 ? Promise.all(waiting) : undefined
  }

  /** Shows the peer to the other members, once the handshake is accepted. */
  appear(): void {
    if (this.#presence !== null) this.#entry?.take(this.#presence)
  }

  join(member: GroupMember): void {
    this.#member = member
    for (const membership of this.#memberships) membership.take(member)
  }

  /**
   * Moves to the groups of a peer that was authenticated and authorized again. Audiences that the peer has
   * lost are left, and the other members see the new presence, both at once, before anything is awaited.
   *
   * @throws the error of the endpoint or of the layer, or a TypeError when a result of the endpoint does not
   * fit its contract
   */
  async move(authorized: AuthorizedPeer): Promise<void> {
    const wanted = this.#audiences(authorized)
    const presence = this.#presenceOf(authorized)
    const keys = new Set([this.room, this.#subject, ...wanted].map(({ key }) => key))
    this.#leaveGroups(this.#memberships.filter(({ address }) => !keys.has(address.key)))
    this.#show(presence)
    this.#grant = visibleGrant(this.#parts.contract, authorized.grant)
    for (const address of wanted) if (!this.#has(address)) await this.#joinGroup(address)
  }

  /** Hides the peer from the other members at once. */
  hide(): void {
    this.#entry?.hide()
  }

  /** Leaves all groups, also those that are still being reserved. A second call does nothing. */
  release(): void {
    this.#released = true
    this.#leaveGroups(this.#memberships)
    this.#entry?.leave()
    this.#entry = null
  }

  /** The grant as the client sees it; `undefined` when the contract declares none. */
  get grant(): unknown {
    return this.#grant
  }

  /** The `opened` frame: the grant as the contract lets the client see it, and the members. */
  opened(path: string): string {
    const { contract, socket } = this.#parts
    const grant = contract.grant === undefined ? {} : { grant: this.#grant }
    const frame = { op: 'opened', in: path, id: socket, ...grant } as const
    const now = this.#entry?.now()
    if (now === undefined) return encodeFrame(frame)
    return 'list' in now
      ? encodeWithList(frame, 'members', now.list)
      : encodeFrame({ ...frame, count: now.count })
  }

  #joinGroup(address: Address): Awaitable<void> {
    const membership = this.#parts.context.groups.reserve(address)
    if (!isThenable(membership)) return this.#joined(membership)
    return membership.then((joined) => this.#joined(joined))
  }

  #joined(membership: GroupMembership): void {
    if (this.#released) return membership.leave()
    // `concat`, because an array built by spreading keeps room for 16 more
    this.#memberships = this.#memberships.concat(membership)
    if (this.#member !== null) membership.take(this.#member)
    // from here on, use the addresses that all members share: the keys are most of the memory of a membership
    const { address } = membership
    if (address.key === this.#room.key) this.#room = address
    else if (address.key === this.#subject.key) this.#subject = address
  }

  /** Also for a peer that is hidden: it sees the others, and may be shown later. */
  #reservePresence(): Awaitable<void> {
    const { context, options, socket } = this.#parts
    const entry = context.presence.reserve(this.room, socket, options.limits.members)
    if (!isThenable(entry)) return this.#entered(entry)
    return entry.then((taken) => this.#entered(taken))
  }

  #entered(entry: PresenceEntry): void {
    if (this.#released) entry.leave()
    else this.#entry = entry
  }

  #show(presence: Present | null): void {
    const before = this.#presence
    this.#presence = presence
    if (JSON.stringify(presence) === JSON.stringify(before)) return
    if (presence === null) this.#entry?.hide()
    else this.#entry?.take(presence)
  }

  /** The presence that the other members are to see; `null` for none. */
  #presenceOf(authorized: AuthorizedPeer): Present | null {
    const { contract, options } = this.#parts
    const info = options.presence?.(peerOf(authorized)) ?? null
    return info === null ? null : { user: authorized.subject, info: checkedPresence(contract, info) }
  }

  #has({ key }: Address): boolean {
    return this.#memberships.some(({ address }) => address.key === key)
  }

  #leaveGroups(left: readonly GroupMembership[]): void {
    this.#memberships = this.#memberships.filter((one) => !left.includes(one))
    for (const membership of left) membership.leave()
  }

  #audiences(authorized: AuthorizedPeer): readonly Address[] {
    const { contract, options } = this.#parts
    const names = options.audience?.(peerOf(authorized)) ?? []
    return names.map((name) => groupAddress(contract, this.tenant, authorized.params, name))
  }
}

/** The keys under which the registry finds the socket of a peer. */
export function keysOf(
  { subject, identity }: AuthorizedPeer,
  { tenant, room }: Pick<Memberships, 'tenant' | 'room'>,
  address: string,
): SocketKeys {
  const { session, token } = identity
  const network = isGuest(identity) ? networkOf(address) : undefined
  return { tenant, subject, session, token, room: room.key, network }
}

function peerOf({ identity, grant }: AuthorizedPeer): object {
  return { user: identity.user, grant }
}

function visibleGrant(contract: Contract, grant: unknown): unknown {
  return contract.grant === undefined ? undefined : fitting(contract.grant, grant, 'grant')
}

/**
 * The presence of a peer, checked against the contract and for JSON: all members are sent in one message,
 * which one bad entry would spoil.
 *
 * @throws TypeError when it does not fit the contract, or is not JSON
 */
function checkedPresence(contract: Contract, info: object): unknown {
  const presence = contract.presence === undefined ? info : fitting(contract.presence, info, 'presence')
  if (JSON.stringify(presence) === undefined)
    throw new TypeError('the presence that the endpoint gave is no JSON')
  return presence
}

function fitting(schema: Schema, value: unknown, what: string): unknown {
  const checked = check(schema, value)
  if (checked.ok) return checked.value
  throw new TypeError(`the ${what} that the endpoint gave does not fit its contract: ${checked.issue}`)
}
