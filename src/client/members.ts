import type { Member } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'

/** The members in a frame. */
export function membersOf(list: unknown): readonly Member[] {
  return Array.isArray(list) ? list.filter(isMember) : []
}

/** The members after some have come, changed their info or left; who stays keeps their place. */
export function membersAfter(members: readonly Member[], joins: unknown, leaves: unknown): readonly Member[] {
  const next = new Map(members.map((one) => [one.user, one]))
  for (const user of Array.isArray(leaves) ? leaves : []) next.delete(user)
  for (const one of membersOf(joins)) next.set(one.user, one)
  return [...next.values()]
}

function isMember(value: unknown): value is Member {
  return isRecord(value) && typeof value['user'] === 'string'
}
