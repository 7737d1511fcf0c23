import type { ChatSnapshot } from './contract.ts'
import type { Member, Role } from './rooms-api.ts'

/** Someone of a room: who is here, who was given a role, or both. */
export interface PersonInRoom {
  readonly id: string
  readonly name: string
  readonly username: string | null
  /** `null` for a person who visits a public room without a role. */
  readonly role: Role | null
  /** `null` where so many are here that they are not listed. */
  readonly here: boolean | null
}

/** Who is here: a list, and how many there are, which may be more. */
export type Presence = Pick<ChatSnapshot, 'members' | 'count'>

/** Whether those who are here are too many for a list. */
export function isCrowd({ members, count }: Presence): boolean {
  return count > members.length
}

/** Members and visitors as one list: who is here first, then by name. */
export function peopleOf(members: readonly Member[], presence: Presence): readonly PersonInRoom[] {
  const here = new Map(presence.members.map(({ user, info }) => [user, nameIn(info)]))
  const crowd = isCrowd(presence)
  const known = members.map((member) => ({ ...member, here: crowd ? null : here.has(member.id) }))
  const ids = new Set(members.map(({ id }) => id))
  const visitors = [...here]
    .filter(([id]) => !ids.has(id))
    .map(([id, name]) => ({ id, name, username: null, role: null, here: true }))
  return [...known, ...visitors].toSorted(
    (a, b) => Number(b.here) - Number(a.here) || a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1),
  )
}

function nameIn(info: unknown): string {
  const named = typeof info === 'object' && info !== null && 'name' in info
  return named && typeof info.name === 'string' ? info.name : 'a member'
}
