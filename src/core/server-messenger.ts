import { SallyportError } from '../wire/errors.ts'
import { type Awaitable, isThenable, alreadyDone } from './runtime/awaitable.ts'
import { newId } from './runtime/id.ts'
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
  type OptionKind,
  type OptionKinds,
  needed,
  oneOf,
  orUndefined,
  wholeFrom,
} from '../wire/options.ts'
import { isSchema } from '../wire/schema.ts'
import type { ServerContext } from './server-context.ts'
import { type Address, groupAddress, subjectAddress } from './groups/address.ts'
import { aBound } from './api/limits.ts'
import type { Page } from './groups/member-table.ts'
import { isText, maxName, maxReason, type AccessCommand } from './access/access-command.ts'
import type {
  Group,
  HistoryMessage,
  MembersPage,
  Messenger,
  GroupSendOptions,
  RevokeTarget,
} from './api/messenger.ts'
import type { Receipt } from './api/receipt.ts'
import { signedOutReason } from './access/revalidation-result.ts'
import type { SocketFilter } from './access/registry.ts'
import type { TracedWork, Tracer } from './api/tracer.ts'
import type { GroupMessage } from './groups/group-message.ts'

/**
 * The arguments of `send`, parsed: `send(type, data, options)`, or `send(data, options)` for an unnamed
 * shape.
 */
export interface Sending {
  readonly type: string | null
  readonly shape: EventShape
  readonly data: unknown
  readonly options: GroupSendOptions
}

/**
 * Parses the arguments of `send`.
 *
 * @throws TypeError when an option is unknown or malformed, the contract has no such message, or, in tests,
 * the data does not fit it
 */
export function sendingOf(contract: Contract, args: readonly unknown[], checked: boolean): Sending {
  const unnamed = isSchema(contract.server)
  const type = unnamed ? null : args[0]
  const data = unnamed ? args[0] : args[1]
  const options = unnamed ? args[1] : args[2]
  // `checkedOptions` has checked these kinds
  const chosen =
    options === undefined ? noOptions : checkedOptions('send()', options as GroupSendOptions, sendKinds)
  const shape = shapeOf(contract.server, typeof type === 'string' ? type : null)
  if (shape === null)
    throw new TypeError(`the contract '${contract.path}' has no server message '${String(type)}'`)
  // the plain wire is flat: such a field would replace the type that the message is sent under
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

const noOptions: GroupSendOptions = {}

const sendKinds: OptionKinds<GroupSendOptions> = {
  except: orUndefined({ wanted: 'a socket', is: (value) => isRecord(value) && aString.is(value['id']) }),
  slow: orUndefined(oneOf('close', 'drop', 'latest')),
  key: orUndefined(aText),
  keep: orUndefined(aBoolean),
}

/**
 * The serialised data of a message. @throws TypeError when it cannot be sent, or has a type and is no object
 */
export function bodyFor({ type, shape, data }: Sending): Body {
  const body = bodyOf(shape.schema, data)
  if (type !== null && body.kind === 'json' && !body.json.startsWith('{'))
    throw new TypeError(`the message '${type}' must be an object`)
  return body
}

/**
 * The messenger of a context for one tenant. Its access commands do not reach users with the same name in
 * other tenants. With `null` it is the messenger of the server: it sends to groups without a tenant, and its
 * access commands reach a user in every tenant.
 */
export function messengerOf(context: ServerContext, scope: string | null): Messenger {
  const tenant = scope ?? ''
  return {
    group: (contract: Contract, params: Readonly<Record<string, string>> = {}, audience?: string) =>
      groupOf(context, groupAddress(contract, tenant, params, audience)),
    user(contract: Contract, subject: string) {
      assertKind('the contract of user()', contract, aContract)
      assertKind('the subject of user()', subject, aString)
      return groupOf(context, subjectAddress(contract, tenant, subject))
    },
    revoke: (what: RevokeTarget & { readonly reason: string }) =>
      reported(context, revoke(context, scope, what), 'revoking'),
    recheck: (what: RevokeTarget & { readonly reason?: string }) =>
      reported(context, recheck(context, scope, what), 'rechecking'),
  }
}

/**
 * Reports the error of a call that the caller may not await: the process must not end because the layer is
 * away. A caller that awaits sees the error too.
 */
function reported<T>(context: ServerContext, done: Promise<T>, doing: string): Promise<T> {
  done.catch((error: unknown) => {
    if (!isRefusal(error)) context.report(error, doing)
  })
  return done
}

/**
 * Sends a message to a group. Its error is reported, too. When a server that stops sends nothing any more,
 * that is no fault; a lost access command is one.
 */
function sendReported(context: ServerContext, sender: GroupSender, args: readonly unknown[]): Promise<void> {
  const sending = begunSend(context, sender, args)
  if (!isThenable(sending)) return alreadyDone
  sending.catch((error: unknown) => {
    const isOver = context.draining && error instanceof SallyportError && error.code === 'ERR_CLOSED'
    if (!isRefusal(error) && !isOver) context.report(error, `sending to ${sender.address.contract.path}`)
  })
  return sending
}

/** Begins to send. What is thrown becomes a rejected promise. */
function begunSend(context: ServerContext, sender: GroupSender, args: readonly unknown[]): Awaitable<void> {
  try {
    return send(context, sender, args)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** A denial is no fault. */
function isRefusal(error: unknown): boolean {
  return error instanceof SallyportError && error.code === 'ERR_DENIED'
}

async function revoke(
  context: ServerContext,
  scope: string | null,
  what: RevokeTarget & { readonly reason: string },
): Promise<Receipt> {
  const kinds = { ...targetKinds, reason: needed(textUpTo(maxReason)) }
  const { reason, ...target } = checkedOptions('revoke()', what, kinds)
  return sendCommand(context, scope, { kind: 'revoke', target, reason })
}

async function recheck(
  context: ServerContext,
  scope: string | null,
  what: RevokeTarget & { readonly reason?: string },
): Promise<Receipt> {
  const kinds = { ...targetKinds, reason: textUpTo(maxReason) }
  const { reason = signedOutReason, ...target } = checkedOptions('recheck()', what, kinds)
  return sendCommand(context, scope, { kind: 'recheck', target, reason })
}

/** @throws TypeError before anything has changed, when the target is not clear */
async function sendCommand(
  context: ServerContext,
  scope: string | null,
  { kind, target, reason }: Pick<AccessCommand, 'kind' | 'reason'> & { readonly target: RevokeTarget },
): Promise<Receipt> {
  const { at, ...named } = checkedOptions(`${kind}()`, target, targetKinds)
  const room = at === undefined ? null : groupAddress(at[0], scope ?? '', at[1] ?? {})
  const path = room?.path ?? null
  const who: SocketFilter = { ...scoped(named, scope), ...(room === null ? {} : { room: room.key }) }
  if (Object.keys(who).length === 0)
    throw new TypeError(`${kind} needs a user, a session, a token or a place`)
  return context.accessCommands.broadcast({
    id: newId(),
    kind,
    who,
    ...(path === null ? {} : { path }),
    reason,
    at: context.clock.now(),
    forMs: Math.max(1, context.rememberMs),
  })
}

/**
 * The fields that were really given: a missing id, or a misspelt one, must not widen a command to the sockets
 * of others.
 */
const targetKinds: OptionKinds<RevokeTarget> = {
  user: textUpTo(maxName),
  session: textUpTo(maxName),
  token: textUpTo(maxName),
  // a kick must not become a revocation everywhere because its `at` was misspelt
  at: { wanted: 'a contract and its params, in an array', is: Array.isArray },
}

function textUpTo(most: number): OptionKind {
  return { wanted: `a string of 1 to ${most} characters`, is: (value) => isText(value, most) }
}

/** The name of a user belongs to a tenant. Names of sessions and tokens are the same in all tenants. */
function scoped(who: SocketFilter, scope: string | null): SocketFilter {
  const isName = who.user !== undefined && who.session === undefined && who.token === undefined
  return isName && scope !== null ? { ...who, tenant: scope } : who
}

/**
 * A group by its address.
 * @param assertAllowed throws a denial when the owner of this group may not send any more
 */
export function groupOf(
  context: ServerContext,
  address: Address,
  assertAllowed = (): void => {},
): Group<Direction> {
  const sender = { address, assertAllowed }
  return {
    send: (...args: readonly unknown[]) => sendReported(context, sender, args),
    members: async (page?: MembersPage) =>
      context.presence.find(address, page === undefined ? null : pageOf(page)),
    history: (after: Position | null = null) => history(context, address, after),
  }
}

const pageKinds: OptionKinds<MembersPage> = { after: orUndefined(aString), limit: aBound }

/** @throws TypeError when the page is malformed */
function pageOf(page: MembersPage): Page {
  const { after = null, limit = 1_000 } = checkedOptions('the page of members()', page, pageKinds)
  return { after, limit }
}

interface GroupSender {
  readonly address: Address
  assertAllowed(): void
}

function send(
  context: ServerContext,
  { address, assertAllowed }: GroupSender,
  args: readonly unknown[],
): Awaitable<void> {
  const { contract } = address
  assertAllowed()
  const sending = sendingOf(contract, args, context.checkOutgoing)
  const { type, shape, options } = sending
  const { slow = shape.rules.slow ?? 'close', keep = shape.rules.keep ?? true, key = '', except } = options
  const body = bodyFor(sending)
  const message = { type, body, slow, key, except: except?.id ?? null, at: null }
  const { tracer, groups } = context
  const delivered =
    tracer === null
      ? groups.send(address, message, keep)
      : sendTraced(tracer, address, { groups, message, keep })
  return isThenable(delivered)
    ? tellSentLater(context, contract, delivered)
    : tellSent(context, contract, delivered)
}

/** Sends under the tracer. A function of its own, because its callback would cost each send without a tracer a context. */
function sendTraced(
  tracer: Tracer,
  address: Address,
  { groups, message, keep }: TracedSend,
): Awaitable<number> {
  return tracer.run(sendWork(address, message.type), (trace) =>
    groups.send(address, trace === null ? message : { ...message, trace }, keep),
  )
}

interface TracedSend {
  readonly groups: ServerContext['groups']
  readonly message: GroupMessage
  readonly keep: boolean
}

function tellSentLater(
  context: ServerContext,
  contract: Contract,
  delivered: Promise<number>,
): Promise<void> {
  return delivered.then((receivers) => tellSent(context, contract, receivers))
}

function tellSent(context: ServerContext, { path }: Contract, receivers: number): void {
  if (context.isHeard('sent')) context.emit({ type: 'sent', contract: path, receivers })
}

function sendWork({ contract, path }: Address, type: string | null): TracedWork {
  const noPeer = { parent: null, id: null, subject: null, address: null }
  return { kind: 'send', contract: contract.path, path, type, ...noPeer }
}

const positionKinds: OptionKinds<Position> = {
  epoch: needed(aText),
  offset: needed(wholeFrom(0)),
  mark: orUndefined(aText),
}

async function history(
  context: ServerContext,
  address: Address,
  after: Position | null,
): Promise<{ complete: boolean; messages: readonly HistoryMessage[] }> {
  const position = after === null ? null : checkedOptions('a position of history()', after, positionKinds)
  const { complete, kept } = await context.groups.history(address, position)
  return {
    complete,
    messages: kept.map(({ at, message: { type, body } }) => ({ at, type, data: dataOf(body) })),
  }
}

function dataOf(body: Body): unknown {
  // the layer may keep the same bytes, and applications may change what they get
  if (body.kind === 'binary') return new Uint8Array(body.bytes)
  if (body.kind === 'text') return body.text
  // our own JSON, without the check of client messages: it holds no key such as 'constructor' that clients
  // may not use
  return JSON.parse(body.json)
}
