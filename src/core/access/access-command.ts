import { isRecord, parseRecord } from '../../wire/json.ts'
import { decodeUtf8 } from '../../wire/utf8.ts'
import type { SocketFilter } from './registry.ts'

/** What every node is told to do at once. */
export interface AccessCommand {
  readonly id: string
  readonly kind: 'revoke' | 'recheck'
  readonly who: SocketFilter
  /** The path of the place that it is about, for people. */
  readonly path?: string
  readonly reason: string
  /** When it was given, in wall time. */
  readonly at: number
  /** For how long a revocation is remembered, in milliseconds. */
  readonly forMs: number
  /** The node that was told to give it. */
  readonly node: string
}

/** What came of an order on one node. */
export interface CommandResult {
  /** Sockets that were ended: open ones, and those that had left while handlers were at work in their name. */
  readonly closed: number
  /** Sockets with another grant now. */
  readonly changed: number
  /** Messages of those that were ended which no handler has seen. */
  readonly dropped: number
}

/** What a node answers to an order of another. */
export interface CommandAnswer extends CommandResult {
  readonly id: string
  readonly node: string
}

/** The longest reason, in characters: people read it, and a close frame has room for 123 bytes of it. */
export const maxReason = 256
/** The longest name of a user, session or token, in characters. */
export const maxName = 4_096
/** The longest message that is looked at, in bytes: four names of that length, each character escaped. */
const maxBytes = 131_072
const maxAnswerBytes = 4_096
const maxId = 64

/** Whether a value is a text of 1 to so many characters. */
export function isText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= most
}

/** The bytes of an order, or of an answer to one. */
export function packed(value: AccessCommand | CommandAnswer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** Reads what another node or a log gave; `null` when it is no order. */
export function commandIn(bytes: Uint8Array): AccessCommand | null {
  const { id, kind, who, path, reason, at, forMs, node } = recordIn(bytes, maxBytes)
  if (!isText(id, maxId) || (kind !== 'revoke' && kind !== 'recheck') || !isText(reason, maxReason))
    return null
  // JSON can hold a number that is infinite here: an order that never ends would refuse a user for ever
  if (!Number.isFinite(at) || !Number.isFinite(forMs) || !(Number(forMs) > 0) || !isText(node, maxName))
    return null
  const selector = isRecord(who) ? selectorIn(who) : null
  if (selector === null) return null
  const place = typeof path === 'string' ? { path } : {}
  return { id, kind, who: selector, ...place, reason, at: Number(at), forMs: Number(forMs), node }
}

/** Reads what another node answered; `null` when it is no answer. */
export function answerIn(bytes: Uint8Array): CommandAnswer | null {
  // a node of an older version does not count what it drops
  const { id, node, closed, changed, dropped = 0 } = recordIn(bytes, maxAnswerBytes)
  if (!isText(id, maxId) || !isText(node, maxName)) return null
  if (!isCount(closed) || !isCount(changed) || !isCount(dropped)) return null
  return { id, node, closed, changed, dropped }
}

/** An object, or nothing in what is none. */
function recordIn(bytes: Uint8Array, most: number): Readonly<Record<string, unknown>> {
  return (bytes.length <= most ? parseRecord(decodeUtf8(bytes)) : null) ?? {}
}

/** Whom it means: unknown names are for newer nodes, and one that names nobody is no order. */
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
