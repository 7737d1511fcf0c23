import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import { encodeFrame, encodeWithList, type PresentMember as Present } from '../../wire/frame.ts'
import { check, type Schema } from '../../wire/schema.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import { type GroupMember, LocalGroup } from '../groups/local-group.ts'
import type { ServerContext } from '../server-context.ts'
import { type Address, addressAt, groupAddress, subjectAddress } from '../groups/address.ts'
import type { PresenceEntry } from '../groups/presence.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'
import { newId } from '../runtime/id.ts'

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
  readonly endpoint: { readonly contract: Contract; readonly options: MembershipOptions }
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

/** The groups of a socket: one room, one subject, and an audience for each name of the endpoint. */
type Seat = 'room' | 'subject' | 'audience'

const noAudiences: readonly LocalGroup[] = []
const noAddresses: readonly Address[] = []

/**
 * The memberships of one socket. They are reserved before the handshake is accepted, so that the socket
 * misses no message sent after it.
 */
export class Memberships {
  /** The tenant of the room, where several tenants share a server. */
  readonly tenant: string
  readonly #context: ServerContext
  readonly #endpoint: MembershipsParts['endpoint']
  #socket: string | null = null
  #room: LocalGroup | null = null
  #subject: LocalGroup | null = null
  #audiences: readonly LocalGroup[] = noAudiences
  #entry: PresenceEntry | null = null
  /** The presence that the other members see; `null` for none. */
  #presence: Present | null = null
  #member: GroupMember | null = null
  #released = false
  #grant: unknown

  constructor({ context, endpoint }: MembershipsParts, { identity }: AuthorizedPeer) {
    this.tenant = context.tenant(identity)
    this.#context = context
    this.#endpoint = endpoint
  }

  /** The id of the socket. It is made when it is asked for first: many sockets are never named. */
  get socket(): string {
    return (this.#socket ??= newId())
  }

  /** Whether this is the id of the socket. An id that was not made yet is known nowhere. */
  isOf(socket: string): boolean {
    return this.#socket === socket
  }

  /** The address of the room, once it is reserved. */
  get room(): Address {
    if (this.#room === null) throw new TypeError('the room of this socket is not reserved')
    return this.#room
  }

  /** Asks for all memberships at once, and waits only for those that this node does not have yet. */
  reserve(authorized: AuthorizedPeer): Awaitable<unknown> {
    const { path, subject } = authorized
    const audiences = this.#audiencesOf(authorized)
    this.#grant = visibleGrant(this.#endpoint.contract, authorized.grant)
    if (this.#endpoint.options.presence !== undefined) this.#presence = this.#presenceOf(authorized)
    const room = addressAt(this.#endpoint.contract, this.tenant, path)
    const waiting: Promise<void>[] = []
    wait(waiting, this.#reserve('room', room))
    wait(waiting, this.#reserve('subject', subjectAddress(this.#endpoint.contract, this.tenant, subject)))
    for (const address of audiences) wait(waiting, this.#reserve('audience', address))
    if (this.#endpoint.options.presence !== undefined) wait(waiting, this.#reservePresence(room))
    return waiting.length > 0 ? Promise.all(waiting) : undefined
  }

  /** Shows the peer to the other members, once the handshake is accepted. */
  appear(): void {
    if (this.#presence !== null) this.#entry?.take(this.#presence)
  }

  /** Joins the groups, unless the peer has left them already: what it is greeted with may have ended it. */
  join(member: GroupMember): void {
    if (this.#released) return
    this.#member = member
    const { groups } = this.#context
    if (this.#room !== null) groups.join(this.#room, member)
    if (this.#subject !== null) groups.join(this.#subject, member)
    for (const audience of this.#audiences) groups.join(audience, member)
  }

  /**
   * Moves to the groups of a peer that was authenticated and authorized again. Audiences that the peer has
   * lost are left, and the other members see the new presence, both at once, before anything is awaited.
   *
   * @throws the error of the endpoint or of the layer, or a TypeError when a result of the endpoint does not
   * fit its contract
   */
  async move(authorized: AuthorizedPeer): Promise<void> {
    const wanted = this.#audiencesOf(authorized)
    const presence = this.#presenceOf(authorized)
    const keys = new Set(wanted.map(({ key }) => key))
    this.#leave(this.#audiences.filter(({ key }) => !keys.has(key)))
    this.#show(presence)
    this.#grant = visibleGrant(this.#endpoint.contract, authorized.grant)
    for (const address of wanted) if (!this.#has(address)) await this.#reserve('audience', address)
  }

  /** Hides the peer from the other members at once. */
  hide(): void {
    this.#entry?.hide()
  }

  /** Leaves all groups, also those that are still being reserved. A second call does nothing. */
  release(): void {
    if (this.#released) return
    this.#released = true
    const { groups } = this.#context
    if (this.#room !== null) groups.leave(this.#room, this.#member)
    if (this.#subject !== null) groups.leave(this.#subject, this.#member)
    if (this.#audiences.length > 0) this.#leave(this.#audiences)
    this.#entry?.leave()
    this.#entry = null
  }

  /** The grant as the client sees it; `undefined` when the contract declares none. */
  get grant(): unknown {
    return this.#grant
  }

  /** The `opened` frame: the grant as the contract lets the client see it, and the members. */
  opened(path: string): string {
    const grant = this.#endpoint.contract.grant === undefined ? {} : { grant: this.#grant }
    const frame = { op: 'opened', in: path, id: this.socket, ...grant } as const
    const now = this.#entry?.now()
    if (now === undefined) return encodeFrame(frame)
    return 'list' in now
      ? encodeWithList(frame, 'members', now.list)
      : encodeFrame({ ...frame, count: now.count })
  }

  #reserve(seat: Seat, address: Address): Awaitable<void> {
    const group = this.#context.groups.reserve(address)
    return group instanceof LocalGroup
      ? this.#take(seat, group)
      : group.then((reserved) => this.#take(seat, reserved))
  }

  #take(seat: Seat, group: LocalGroup): void {
    const { groups } = this.#context
    if (this.#released) return groups.leave(group, null)
    if (seat === 'room') this.#room = group
    else if (seat === 'subject') this.#subject = group
    // `concat`, because an array built by spreading keeps room for 16 more
    else this.#audiences = this.#audiences.concat(group)
    if (this.#member !== null) groups.join(group, this.#member)
  }

  /** Also for a peer that is hidden: it sees the others, and may be shown later. */
  #reservePresence(room: Address): Awaitable<void> {
    const { presence } = this.#context
    const entry = presence.reserve(room, this.socket, this.#endpoint.options.limits.members)
    return isThenable(entry) ? entry.then((taken) => this.#enter(taken)) : this.#enter(entry)
  }

  #enter(entry: PresenceEntry): void {
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
    const info = this.#endpoint.options.presence?.(peerOf(authorized)) ?? null
    return info === null
      ? null
      : { user: authorized.subject, info: checkedPresence(this.#endpoint.contract, info) }
  }

  #has({ key }: Address): boolean {
    return this.#audiences.some((audience) => audience.key === key)
  }

  #leave(left: readonly LocalGroup[]): void {
    this.#audiences = this.#audiences.filter((one) => !left.includes(one))
    for (const audience of left) this.#context.groups.leave(audience, this.#member)
  }

  #audiencesOf(authorized: AuthorizedPeer): readonly Address[] {
    const names = this.#endpoint.options.audience?.(peerOf(authorized))
    if (names === undefined) return noAddresses
    return names.map((name) => groupAddress(this.#endpoint.contract, this.tenant, authorized.params, name))
  }
}

function wait(waiting: Promise<void>[], joining: Awaitable<void>): void {
  if (isThenable(joining)) waiting.push(joining)
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
