import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import { encodeFrame, encodeWithList, type PresentMember as Present } from '../../wire/frame.ts'
import { check, type Schema } from '../../wire/schema.ts'
import type { AuthorizedPeer } from '../access/authorize.ts'
import type { GroupMember, GroupMembership } from '../groups/groups.ts'
import type { ServerContext } from '../server-context.ts'
import { type Address, groupAddress, subjectAddress } from '../groups/address.ts'
import type { PresenceEntry } from '../groups/presence.ts'

/** What an endpoint says of where its visitors sit. */
export interface MembershipOptions {
  readonly presence: ((who: object) => object | null) | undefined
  readonly audience: ((who: object) => readonly string[]) | undefined
  readonly limits: {
    /** How many members clients are told by name. */
    readonly members: number | undefined
  }
}

/** What places are found for. */
export interface MembershipsParts {
  readonly context: ServerContext
  readonly contract: Contract
  readonly options: MembershipOptions
  /** The id of the socket. */
  readonly socket: string
}

/**
 * Reserves the places of a visitor: its room, its audiences, its subject, and presence.
 *
 * @throws Denial 503 when the layer is away, or what the endpoint answers does not fit its contract
 */
export async function reserveMemberships(
  parts: MembershipsParts,
  visitor: AuthorizedPeer,
): Promise<Memberships> {
  const places = new Memberships(parts, visitor)
  try {
    await places.reserve(visitor)
    return places
  } catch (error) {
    places.release()
    if (error instanceof Denial) throw error
    throw new Denial(503, 'unavailable', 'your place could not be prepared: come back later', {
      cause: error,
      detail: 'finding places',
    })
  }
}

const none: readonly GroupMembership[] = []

/** The places of one socket: reserved before the door opens, so that nothing is missed once it has. */
export class Memberships {
  /** Whose room it is, where several tenants share a server. */
  readonly tenant: string
  readonly #parts: MembershipsParts
  /** Two, and one for each audience. */
  #seats: readonly GroupMembership[] = none
  #room: Address
  #subject: Address
  #spot: PresenceEntry | null = null
  /** What the others are shown. */
  #shown: Present | null = null
  #member: GroupMember | null = null
  #vacated = false
  #grant: unknown

  constructor(parts: MembershipsParts, { identity, params, subject }: AuthorizedPeer) {
    this.#parts = parts
    this.tenant = parts.context.tenant(identity)
    this.#room = groupAddress(parts.contract, this.tenant, params)
    this.#subject = subjectAddress(parts.contract, this.tenant, subject)
  }

  /** The room itself. */
  get room(): Address {
    return this.#room
  }

  async reserve(visitor: AuthorizedPeer): Promise<void> {
    const { context, contract, options: seating, socket } = this.#parts
    this.#grant = toldGrant(contract, visitor.grant)
    // from here on the addresses that all who sit there share: the keys are most of what a place needs
    this.#room = await this.#sit(this.#room)
    this.#subject = await this.#sit(this.#subject)
    for (const address of this.#audiences(visitor)) await this.#sit(address)
    if (seating.presence === undefined) return
    this.#shown = this.#seenOf(visitor)
    // also for somebody whom nobody sees: they see the others, and may be shown later
    this.#spot = await context.presence.reserve(this.room, socket, seating.limits.members)
  }

  /** Shows the visitor to the others: the door is open. */
  appear(): void {
    if (this.#shown !== null) this.#spot?.take(this.#shown)
  }

  join(member: GroupMember): void {
    this.#member = member
    for (const seat of this.#seats) seat.take(member)
  }

  /**
   * Moves to where somebody belongs about whom the doors have answered again: audiences that are lost are left, and the
   * others see what is to be seen now, at once, before anything is awaited.
   *
   * @throws what the endpoint or the layer throws, or a TypeError when what the endpoint answers does not fit its contract
   */
  async move(visitor: AuthorizedPeer): Promise<void> {
    const wanted = this.#audiences(visitor)
    const shown = this.#seenOf(visitor)
    const keys = new Set([this.room, this.#subject, ...wanted].map(({ key }) => key))
    this.#rise(this.#seats.filter(({ address }) => !keys.has(address.key)))
    this.#show(shown)
    this.#grant = toldGrant(this.#parts.contract, visitor.grant)
    for (const address of wanted) if (!this.#has(address)) await this.#sit(address)
  }

  /** Shows the visitor to the others no more, at once. */
  hide(): void {
    this.#spot?.hide()
  }

  /** Gives everything up, also what is still being looked for; more than once does no harm. */
  release(): void {
    this.#vacated = true
    this.#rise(this.#seats)
    this.#spot?.leave()
    this.#spot = null
  }

  /** What the client is told of its grant; `undefined` where the contract says nothing of it. */
  get grant(): unknown {
    return this.#grant
  }

  /** The frame that tells the client that it is in: its grant as the contract lets it travel, and who is here. */
  opened(path: string): string {
    const { contract, socket } = this.#parts
    const grant = contract.grant === undefined ? {} : { grant: this.#grant }
    const frame = { op: 'opened', in: path, id: socket, ...grant } as const
    const now = this.#spot?.now()
    if (now === undefined) return encodeFrame(frame)
    return 'list' in now
      ? encodeWithList(frame, 'members', now.list)
      : encodeFrame({ ...frame, count: now.count })
  }

  async #sit(address: Address): Promise<Address> {
    const seat = await this.#parts.context.groups.reserve(address)
    if (this.#vacated) seat.leave()
    else {
      // `concat`, because what is spread into a new array leaves it with room for 16 more
      this.#seats = this.#seats.concat(seat)
      if (this.#member !== null) seat.take(this.#member)
    }
    return seat.address
  }

  #show(shown: Present | null): void {
    const before = this.#shown
    this.#shown = shown
    if (JSON.stringify(shown) === JSON.stringify(before)) return
    if (shown === null) this.#spot?.hide()
    else this.#spot?.take(shown)
  }

  /** What the others are to see; `null` for nothing. */
  #seenOf(visitor: AuthorizedPeer): Present | null {
    const { contract, options: seating } = this.#parts
    const info = seating.presence?.(whoIs(visitor)) ?? null
    return info === null ? null : { user: visitor.subject, info: seen(contract, info) }
  }

  #has({ key }: Address): boolean {
    return this.#seats.some(({ address }) => address.key === key)
  }

  #rise(left: readonly GroupMembership[]): void {
    this.#seats = this.#seats.filter((one) => !left.includes(one))
    for (const seat of left) seat.leave()
  }

  #audiences(visitor: AuthorizedPeer): readonly Address[] {
    const { contract, options: seating } = this.#parts
    const names = seating.audience?.(whoIs(visitor)) ?? []
    return names.map((name) => groupAddress(contract, this.tenant, visitor.params, name))
  }
}

function whoIs({ identity, grant }: AuthorizedPeer): object {
  return { user: identity.user, grant }
}

function toldGrant(contract: Contract, grant: unknown): unknown {
  return contract.grant === undefined ? undefined : fitting(contract.grant, grant, 'grant')
}

/** @throws TypeError when it does not fit the contract, or cannot travel: the others are told in one message with everyone */
function seen(contract: Contract, info: object): unknown {
  const shown = contract.presence === undefined ? info : fitting(contract.presence, info, 'presence')
  if (JSON.stringify(shown) === undefined)
    throw new TypeError('the presence that the endpoint gave is no JSON')
  return shown
}

function fitting(schema: Schema, value: unknown, what: string): unknown {
  const checked = check(schema, value)
  if (checked.ok) return checked.value
  throw new TypeError(`the ${what} that the endpoint gave does not fit its contract: ${checked.issue}`)
}
