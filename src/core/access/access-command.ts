import { isRecord, parseRecord } from '../../wire/json.ts'
import { decodeUtf8 } from '../../wire/utf8.ts'
import type { SocketFilter } from './registry.ts'

/** A command to all nodes to end or recheck access. */
export interface AccessCommand {
  readonly id: string
  readonly kind: 'revoke' | 'recheck'
  readonly who: SocketFilter
  /** The path of the room that the command is about, for people. */
  readonly path?: string
  readonly reason: string
  /** When the command was given, in wall time. */
  readonly at: number
  /** For how long a revocation is remembered, in milliseconds. */
  readonly forMs: number
  /** The node on which the command was given. */
  readonly node: string
}

/** The effect of an access command on one node. */
export interface CommandResult {
  /** How many sockets were ended: open sockets, and sockets that had ended while their handlers still ran. */
  readonly closed: number
  /** How many sockets have another grant now. */
  readonly changed: number
  /** How many messages of the ended sockets no handler has seen. */
  readonly dropped: number
}

/** The answer of a node to an access command of another node. */
export interface CommandAnswer extends CommandResult {
  readonly id: string
  readonly node: string
}

/** The longest reason, in characters. People read it, and a close frame holds 123 bytes of it. */
export const maxReason = 256
/** The longest name of a user, session or token, in characters. */
export const maxName = 4_096
/**
 * The longest message that is decoded, in bytes: four names of the longest length, with every character
 * escaped.
 */
const maxBytes = 131_072
const maxAnswerBytes = 4_096
const maxId = 64

/** Whether a value is a text of 1 to `most` characters. */
export function isText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= most
}

/** The bytes of an access command, or of the answer to one. */
export function packed(value: AccessCommand | CommandAnswer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** Decodes an access command from another node or from a log; `null` when it is malformed. */
export function commandIn(bytes: Uint8Array): AccessCommand | null {
  const { id, kind, who, path, reason, at, forMs, node } = recordIn(bytes, maxBytes)
  if (!isText(id, maxId) || (kind !== 'revoke' && kind !== 'recheck') || !isText(reason, maxReason))
    return null
  // a number in JSON can become Infinity here, and a command without an end would refuse a user for ever
  if (!Number.isFinite(at) || !Number.isFinite(forMs) || !(Number(forMs) > 0) || !isText(node, maxName))
    return null
  const selector = isRecord(who) ? selectorIn(who) : null
  if (selector === null) return null
  const place = typeof path === 'string' ? { path } : {}
  return { id, kind, who: selector, ...place, reason, at: Number(at), forMs: Number(forMs), node }
}

/** Decodes the answer of another node; `null` when it is malformed. */
export function answerIn(bytes: Uint8Array): CommandAnswer | null {
  // nodes of an older version do not count the messages that they drop
  const { id, node, closed, changed, dropped = 0 } = recordIn(bytes, maxAnswerBytes)
  if (!isText(id, maxId) || !isText(node, maxName)) return null
  if (!isCount(closed) || !isCount(changed) || !isCount(dropped)) return null
  return { id, node, closed, changed, dropped }
}

/** The object in these bytes; an empty one when there is no object. */
function recordIn(bytes: Uint8Array, most: number): Readonly<Record<string, unknown>> {
  return (bytes.length <= most ? parseRecord(decodeUtf8(bytes)) : null) ?? {}
}

/**
 * The sockets that a command is about. Names that this version does not know are for newer nodes; a command
 * that names no socket is malformed.
 */
function selectorIn(who: Readonly<Record<string, unknown>>): SocketFilter | null {
  const { user, session, token, room, tenant } = who
  const named = Object.entries({ user, session, token, room }).filter(([, value]) => value !== undefined)
  if (named.length === 0 || !named.every(([, value]) => isText(value, maxName))) return null
  if (tenant !== undefined && (typeof tenant !== 'string' || tenant.length > maxName)) return null
  return { ...Object.fromEntries(named), ...(tenant === undefined ? {} : { tenant }) }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
