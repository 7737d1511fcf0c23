import { isRecord } from '../../wire/json.ts'
import { decodeUtf8 } from '../../wire/utf8.ts'
import { type Page, type ShownMember, shownMember } from './member-table.ts'

/** Where a node stands in what it tells of a group: how many changes it has told since it began to. */
export interface Standpoint {
  readonly node: string
  /** Which beginning: the process, and the how manieth of it. */
  readonly life: string
  readonly n: number
}

/** What has changed on a node; `n` counts it. */
export interface Delta extends Standpoint {
  readonly kind: 'd'
  readonly join: readonly ShownMember[]
  readonly leave: readonly string[]
}

/** A part of all that a node shows, for one that has asked. */
export interface SnapshotPart extends Standpoint {
  readonly kind: 's'
  readonly group: string
  /** The id of the question. */
  readonly re: string
  readonly part: number
  readonly parts: number
  readonly members: readonly ShownMember[]
}

/** A question: who do you show? */
export interface MembersRequest {
  readonly kind: '?'
  /** The node that asks. */
  readonly node: string
  readonly id: string
  readonly group: string
  /** The node that is asked; `null` for all. */
  readonly to: string | null
  /** The page that is asked for; `null` for all members. */
  readonly page: Page | null
}

/** A sign from time to time, so that one that has missed a change asks. */
export interface Sign extends Standpoint {
  readonly kind: 'g'
}

/** What nodes tell each other of who is in a group. */
export type PresenceMessage = Delta | SnapshotPart | MembersRequest | Sign

/** How many bytes of members one message carries at most, unless one member is larger. */
const partBytes = 65_536

/** Members in parts for one message each; one empty part when there are none. */
export function inParts(members: Iterable<ShownMember>): readonly (readonly ShownMember[])[] {
  let last: ShownMember[] = []
  const parts = [last]
  let bytes = 0
  for (const member of members) {
    if (last.length > 0 && bytes + member.bytes > partBytes) {
      parts.push((last = []))
      bytes = 0
    }
    bytes += member.bytes
    last.push(member)
  }
  return parts
}

/** A message as bytes. */
export function packPresence(message: PresenceMessage): Uint8Array {
  return new TextEncoder().encode(textOf(message))
}

function textOf(message: PresenceMessage): string {
  if (message.kind === 'd') {
    const { join, ...rest } = message
    return withMembers(rest, 'join', join)
  }
  if (message.kind === 's') {
    const { members, ...rest } = message
    return withMembers(rest, 'members', members)
  }
  return JSON.stringify(message)
}

/** Members are encoded already. */
function withMembers(fields: object, name: string, members: readonly ShownMember[]): string {
  const list = members.map(({ json, version }) => `[${json},${version}]`).join(',')
  return `${JSON.stringify(fields).slice(0, -1)},"${name}":[${list}]}`
}

/** Reads what another node sent; `null` when it is no such message. */
export function unpackPresence(bytes: Uint8Array): PresenceMessage | null {
  const message = recordIn(bytes)
  if (message === null) return null
  if (message['kind'] === '?') return questionOf(message)
  const { kind, node, life, n } = message
  if (typeof node !== 'string' || typeof life !== 'string' || !isCount(n)) return null
  if (kind === 'd') return deltaOf(message, { node, life, n })
  if (kind === 's') return snapshotOf(message, { node, life, n })
  return kind === 'g' ? { kind, node, life, n } : null
}

type Fields = Readonly<Record<string, unknown>>

function recordIn(bytes: Uint8Array): Fields | null {
  try {
    // what a node of ours wrote: the bounds for JSON from strangers would refuse an info that this server has taken
    const value: unknown = JSON.parse(decodeUtf8(bytes))
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function deltaOf({ join, leave }: Fields, standpoint: Standpoint): Delta | null {
  const members = membersIn(join)
  if (members === null || !Array.isArray(leave) || !leave.every(isText)) return null
  return { kind: 'd', ...standpoint, join: members, leave }
}

function snapshotOf(fields: Fields, standpoint: Standpoint): SnapshotPart | null {
  const { group, re, part, parts } = fields
  const members = membersIn(fields['members'])
  if (members === null || !isText(group) || !isText(re) || !isCount(part) || !isCount(parts)) return null
  return { kind: 's', ...standpoint, group, re, part, parts, members }
}

function questionOf({ node, id, group, to, page }: Fields): MembersRequest | null {
  if (!isText(node) || !isText(id) || !isText(group)) return null
  if (to !== null && !isText(to)) return null
  if (page === null) return { kind: '?', node, id, group, to, page }
  if (!isRecord(page)) return null
  const { after, limit } = page
  if ((after !== null && !isText(after)) || !isCount(limit) || limit === 0) return null
  return { kind: '?', node, id, group, to, page: { after, limit } }
}

function membersIn(list: unknown): readonly ShownMember[] | null {
  if (!Array.isArray(list)) return null
  const members = list.map(memberIn)
  return members.every((member) => member !== null) ? members : null
}

function memberIn(entry: unknown): ShownMember | null {
  const [member, version]: readonly unknown[] = Array.isArray(entry) ? entry : []
  if (!isRecord(member) || !isText(member['user']) || !isCount(version)) return null
  return shownMember({ user: member['user'], info: member['info'] }, version)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** Far below the end of whole numbers: there is always a next one. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2 ** 52
}
