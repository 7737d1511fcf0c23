import { SallyportError } from '../wire/errors.ts'
import { newId } from './new-id.ts'
import { assertValid, type Body, bodyOf } from '../wire/body.ts'
import { aContract, type Contract, type Direction, type EventShape, shapeOf } from '../wire/contract.ts'
import type { Position } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'
import {
  aBoolean,
  aString,
  assertKind,
  checkedOptions,
  aText,
  type Kind,
  type Kinds,
  needed,
  oneOf,
  orUndefined,
  wholeFrom,
} from '../wire/options.ts'
import { isSchema } from '../wire/schema.ts'
import type { Hub } from './hub.ts'
import { type Address, groupAddress, subjectAddress } from './keys.ts'
import { aBound } from './limits.ts'
import type { Page } from './member-table.ts'
import { isText, maxName, maxReason, type Order } from './order.ts'
import type { Group, KeptMessage, MembersPage, Messenger, SendOptions, Whom } from './port.ts'
import type { Receipt } from './receipts.ts'
import type { Selector } from './registry.ts'
import { traced, type Work } from './tracer.ts'

/** A message taken apart: `send(type, data, options)`, or `send(data, options)` for an unnamed shape. */
export interface Sending {
  readonly type: string | null
  readonly shape: EventShape
  readonly data: unknown
  readonly options: SendOptions
}

/**
 * Takes the arguments of `send` apart.
 *
 * @throws TypeError when an option is unknown or malformed, the contract has no such message, or in tests when the data does not fit it
 */
export function sendingOf(contract: Contract, args: readonly unknown[], checked: boolean): Sending {
  const unnamed = isSchema(contract.server)
  const [type, data, options] = unnamed ? [null, args[0], args[1]] : args
  // what is of these kinds are such options
  const chosen = options === undefined ? {} : checkedOptions('send()', options as SendOptions, sendKinds)
  const shape = shapeOf(contract.server, typeof type === 'string' ? type : null)
  if (shape === null)
    throw new TypeError(`the contract '${contract.path}' has no server message '${String(type)}'`)
  // flat on the plain wire, such a field would say another type than the one it is sent under
  if (typeof type === 'string' && isRecord(data) && Object.hasOwn(data, 'type'))
    throw new TypeError(`the message '${type}' cannot have a field called type`)
  if (checked)
    assertValid(shape.schema, data, `the message '${typeof type === 'string' ? type : contract.path}'`)
  return {
    type: typeof type === 'string' ? type : null,
    shape,
    data,
    options: chosen,
  }
}

const sendKinds: Kinds<SendOptions> = {
  except: orUndefined({ wanted: 'a socket', is: (value) => isRecord(value) && aString.is(value['id']) }),
  slow: orUndefined(oneOf('close', 'drop', 'latest')),
  key: orUndefined(aText),
  keep: orUndefined(aBoolean),
}

/** The data of a message, serialised. @throws TypeError when it cannot be sent, or stands under a name and is no object */
export function bodyFor({ type, shape, data }: Sending): Body {
  const body = bodyOf(shape.schema, data)
  if (type !== null && body.kind === 'json' && !body.json.startsWith('{'))
    throw new TypeError(`the message '${type}' must be an object`)
  return body
}

/**
 * The messenger of a hub for one tenant, whose orders do not reach users of others that have the same name. With `null` it
 * is the port's own: it sends to groups of no tenant, and its orders reach a user in every tenant.
 */
export function messengerOf(hub: Hub, scope: string | null): Messenger {
  const tenant = scope ?? ''
  return {
    group: (contract: Contract, params: Readonly<Record<string, string>> = {}, audience?: string) =>
      groupOf(hub, groupAddress(contract, tenant, params, audience)),
    user(contract: Contract, subject: string) {
      assertKind('the contract of user()', contract, aContract)
      assertKind('the subject of user()', subject, aString)
      return groupOf(hub, subjectAddress(contract, tenant, subject))
    },
    revoke: (what: Whom & { readonly reason: string }) => reported(hub, revoke(hub, scope, what), 'revoking'),
    recheck: (whom: Whom) =>
      reported(hub, order(hub, scope, { kind: 'recheck', whom, reason: 'recheck' }), 'rechecking'),
  }
}

/** What nobody awaits must not end the process when the layer is away; whoever awaits sees the error too. */
function reported<T>(hub: Hub, done: Promise<T>, doing: string): Promise<T> {
  done.catch((error: unknown) => {
    if (!isRefusal(error)) hub.report(error, doing)
  })
  return done
}

/** The same for a message: that a server which stops sends nothing any more is no fault. An order that is lost then is one. */
function reportedSend(hub: Hub, done: Promise<void>, path: string): Promise<void> {
  done.catch((error: unknown) => {
    const isOver = hub.draining && error instanceof SallyportError && error.code === 'ERR_CLOSED'
    if (!isRefusal(error) && !isOver) hub.report(error, `sending to ${path}`)
  })
  return done
}

/** A refusal is no fault. */
function isRefusal(error: unknown): boolean {
  return error instanceof SallyportError && error.code === 'ERR_DENIED'
}

async function revoke(
  hub: Hub,
  scope: string | null,
  what: Whom & { readonly reason: string },
): Promise<Receipt> {
  const kinds = { ...whomKinds, reason: needed(textUpTo(maxReason)) }
  const { reason, ...whom } = checkedOptions('revoke()', what, kinds)
  return order(hub, scope, { kind: 'revoke', whom, reason })
}

/** @throws TypeError before anything has changed, when it is not clear whom the order is about */
async function order(
  hub: Hub,
  scope: string | null,
  { kind, whom, reason }: Pick<Order, 'kind' | 'reason'> & { readonly whom: Whom },
): Promise<Receipt> {
  const { at, ...named } = checkedOptions(`${kind}()`, whom, whomKinds)
  const room = at === undefined ? null : groupAddress(at[0], scope ?? '', at[1] ?? {})
  const path = room?.path ?? null
  const who: Selector = { ...scoped(named, scope), ...(room === null ? {} : { room: room.key }) }
  if (Object.keys(who).length === 0)
    throw new TypeError(`${kind} needs a user, a session, a token or a place`)
  return hub.orders.give({
    id: newId(),
    kind,
    who,
    ...(path === null ? {} : { path }),
    reason,
    at: hub.clock.now(),
    forMs: Math.max(1, hub.rememberMs),
  })
}

/** What is really named: a missing id, or one that is misspelt, must not widen an order to everyone else's. */
const whomKinds: Kinds<Whom> = {
  user: textUpTo(maxName),
  session: textUpTo(maxName),
  token: textUpTo(maxName),
  // a kick must not become a revocation everywhere because its place was misspelt
  at: { wanted: 'a contract and its params, in an array', is: Array.isArray },
}

function textUpTo(most: number): Kind {
  return { wanted: `a string of 1 to ${most} characters`, is: (value) => isText(value, most) }
}

/** A user's name is that of its tenant; sessions and tokens are one name everywhere, whichever tenant they are used in. */
function scoped(who: Selector, scope: string | null): Selector {
  const isName = who.user !== undefined && who.session === undefined && who.token === undefined
  return isName && scope !== null ? { ...who, tenant: scope } : who
}

/**
 * A group by its address.
 *
 * @param assertAllowed throws a denial where nothing may be sent any more in the name of whoever has the group
 */
export function groupOf(hub: Hub, address: Address, assertAllowed = (): void => {}): Group<Direction> {
  return {
    send: (...args: readonly unknown[]) =>
      reportedSend(hub, send(hub, { address, assertAllowed }, args), address.contract.path),
    members: async (page?: MembersPage) =>
      hub.presence.find(address, page === undefined ? null : pageOf(page)),
    history: (after: Position | null = null) => history(hub, address, after),
  }
}

const pageKinds: Kinds<MembersPage> = { after: orUndefined(aString), limit: aBound }

/** @throws TypeError when the page is malformed */
function pageOf(page: MembersPage): Page {
  const { after = null, limit = 1_000 } = checkedOptions('the page of members()', page, pageKinds)
  return { after, limit }
}

interface Speaking {
  readonly address: Address
  assertAllowed(): void
}

async function send(hub: Hub, { address, assertAllowed }: Speaking, args: readonly unknown[]): Promise<void> {
  const { contract } = address
  assertAllowed()
  const sending = sendingOf(contract, args, hub.checkOutgoing)
  const { type, shape, options } = sending
  const { slow = shape.rules.slow ?? 'close', keep = shape.rules.keep ?? true, key = '', except } = options
  const body = bodyFor(sending)
  const dispatch = { type, body, slow, key, except: except?.id ?? null, at: null }
  const receivers = await traced(
    hub.tracer,
    () => sendWork(address, type),
    (trace) => hub.groups.send(address, trace === null ? dispatch : { ...dispatch, trace }, keep),
  )
  hub.emit({ type: 'sent', contract: contract.path, receivers })
}

function sendWork({ contract, path }: Address, type: string | null): Work {
  const nobody = { parent: null, id: null, subject: null, address: null }
  return { kind: 'send', contract: contract.path, path, type, ...nobody }
}

const positionKinds: Kinds<Position> = {
  epoch: needed(aText),
  offset: needed(wholeFrom(0)),
  mark: orUndefined(aText),
}

async function history(
  hub: Hub,
  address: Address,
  after: Position | null,
): Promise<{ complete: boolean; messages: readonly KeptMessage[] }> {
  const position = after && checkedOptions('a position of history()', after, positionKinds)
  const { complete, kept } = await hub.groups.history(address, position)
  return {
    complete,
    messages: kept.map(({ at, dispatch: { type, body } }) => ({ at, type, data: dataOf(body) })),
  }
}

function dataOf(body: Body): unknown {
  // the layer may keep the same bytes, and applications may change what they are given
  if (body.kind === 'binary') return new Uint8Array(body.bytes)
  if (body.kind === 'text') return body.text
  // our own words: a key that no client may use, such as 'constructor', is none of a message's of ours
  return JSON.parse(body.json)
}
