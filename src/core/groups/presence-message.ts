import { isRecord } from '../../wire/json.ts'
import { decodeUtf8 } from '../../wire/utf8.ts'
import { type Page, type ShownMember, shownMember } from './member-table.ts'

/** The state of the changes of a node in a group: how many it has sent since it began. */
export interface Standpoint {
  readonly node: string
  /** The name of the watch: the process, and the number of the watch in it. */
  readonly life: string
  readonly n: number
}

/** Changes on a node; `n` counts them. */
export interface Delta extends Standpoint {
  readonly kind: 'd'
  readonly join: readonly ShownMember[]
  readonly leave: readonly string[]
}

/** A part of all entries of a node, for a node that has asked. */
export interface SnapshotPart extends Standpoint {
  readonly kind: 's'
  readonly group: string
  /** The id of the request. */
  readonly re: string
  readonly part: number
  readonly parts: number
  readonly members: readonly ShownMember[]
}

/** A request for the members that a node shows. */
export interface MembersRequest {
  readonly kind: '?'
  /** The node that asks. */
  readonly node: string
  readonly id: string
  readonly group: string
  /** The node that is asked; `null` for all. */
  readonly to: string | null
  /** The requested page; `null` for all members. */
  readonly page: Page | null
}

/** A sign that a node sends from time to time, so that a node that has missed a change asks again. */
export interface Sign extends Standpoint {
  readonly kind: 'g'
}

/** The messages by which nodes exchange the members of a group. */
export type PresenceMessage = Delta | SnapshotPart | MembersRequest | Sign

/** The most bytes of members in one message, unless one member is larger. */
const partBytes = 65_536

/** Divides members into parts, one for each message. One empty part when there are no members. */
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

/** Encodes a message. */
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

/** Encodes fields and a list of members, which are encoded already. */
function withMembers(fields: object, name: string, members: readonly ShownMember[]): string {
  const list = members.map(({ json, version }) => `[${json},${version}]`).join(',')
  return `${JSON.stringify(fields).slice(0, -1)},"${name}":[${list}]}`
}

/** Decodes a message of another node; `null` when it is malformed. */
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
    // a node of this layer has written it: the bounds for JSON of peers would refuse an info that this server
    // has accepted
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

/** Far below the largest exact integer, so that there is always a next one. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2 ** 52
}
