import type { PresentMember, RawFrame } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'

/** The members of an endpoint. */
export interface MemberList {
  /** Empty when the server tells only their number. */
  readonly members: readonly PresentMember[]
  readonly count: number
}

/** The members after a frame, which holds all members, or changes, or only their number. */
export function presenceAfter(before: readonly PresentMember[], frame: RawFrame): MemberList {
  const { count, members: all, joins, leaves } = frame
  if (typeof count === 'number') return { members: [], count }
  const members = Array.isArray(all) ? membersOf(all) : membersAfter(before, joins, leaves)
  return { members, count: members.length }
}

/** The members in a frame. */
export function membersOf(list: unknown): readonly PresentMember[] {
  return Array.isArray(list) ? list.filter(isMember) : []
}

/** The members after some have come, changed their info or left; who stays keeps their place. */
export function membersAfter(
  members: readonly PresentMember[],
  joins: unknown,
  leaves: unknown,
): readonly PresentMember[] {
  const next = new Map(members.map((one) => [one.user, one]))
  for (const user of Array.isArray(leaves) ? leaves : []) next.delete(user)
  for (const one of membersOf(joins)) next.set(one.user, one)
  return [...next.values()]
}

function isMember(value: unknown): value is PresentMember {
  return isRecord(value) && typeof value['user'] === 'string'
}
