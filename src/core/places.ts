import type { Contract } from '../wire/contract.ts'
import { Denial } from '../wire/errors.ts'
import type { Member as Present } from '../wire/frame.ts'
import { check, type Schema } from '../wire/schema.ts'
import type { Visitor } from './doors.ts'
import type { Member, Seat } from './groups.ts'
import type { Hub } from './hub.ts'
import { type Address, groupAddress, subjectAddress } from './keys.ts'

/** What an endpoint says of where its visitors sit. */
export interface Seating {
  readonly presence: ((who: object) => object | null) | undefined
  readonly audience: ((who: object) => readonly string[]) | undefined
}

/** The places of one socket: reserved before the door opens, so that nothing is missed once it has. */
export interface Places {
  take(member: Member): void
  /** Gives everything up; more than once does no harm. */
  vacate(): void
  /** What the client is told when it is in: its grant as the contract lets it travel, and who is here. */
  told(): { readonly grant?: unknown; readonly members?: readonly Present[] }
}

/**
 * Reserves the groups of a visitor (its room, its audiences, its subject) and enters presence.
 *
 * @throws Denial 503 when the layer is away, or what the endpoint answers does not fit its contract
 */
export async function findPlaces(
  server: Hub,
  contract: Contract,
  seating: Seating,
  visitor: Visitor,
  socket: string,
): Promise<Places> {
  const { identity, params, subject, grant } = visitor
  const undo: (() => void)[] = []
  const vacate = (): void => undo.splice(0).forEach((one) => one())
  try {
    const tenant = server.tenant(identity)
    const room = groupAddress(contract, tenant, params)
    const who = { user: identity.user, grant }
    const told = contract.grant === undefined ? {} : { grant: fitting(contract.grant, grant, 'grant') }
    const audiences = seating.audience?.(who) ?? []
    const addresses = [
      room,
      subjectAddress(contract, tenant, subject),
      ...audiences.map((name) => groupAddress(contract, tenant, params, name)),
    ]
    const seats: Seat[] = []
    for (const address of addresses) {
      const seat = await server.groups.reserve(address)
      undo.push(seat.leave)
      seats.push(seat)
    }
    const info = seating.presence?.(who) ?? null
    if (info !== null)
      undo.push(await server.presence.enter(room, socket, { user: subject, info: seen(contract, info) }))
    return {
      take: (member) => seats.forEach((seat) => seat.take(member)),
      vacate,
      told: () => ({
        ...told,
        ...(seating.presence === undefined ? {} : { members: present(server, room) }),
      }),
    }
  } catch (error) {
    vacate()
    if (error instanceof Denial) throw error
    throw new Denial(503, 'unavailable', 'your place could not be prepared: come back later', {
      cause: error,
      detail: 'finding places',
    })
  }
}

function present(server: Hub, room: Address): readonly Present[] {
  return server.presence.members(room)
}

function seen(contract: Contract, info: object): unknown {
  return contract.presence === undefined ? info : fitting(contract.presence, info, 'presence')
}

function fitting(schema: Schema, value: unknown, what: string): unknown {
  const checked = check(schema, value)
  if (checked.ok) return checked.value
  throw new TypeError(`the ${what} that the endpoint gave does not fit its contract: ${checked.issue}`)
}
