import type { AnyContract, Contract, Outgoing, SlowPolicy } from '../../wire/contract.ts'
import type { PresentMember, Position } from '../../wire/frame.ts'
import type { Params } from '../../wire/path.ts'
import type { Receipt } from './receipt.ts'

/** How one message is sent. By default the contract decides. */
export interface GroupSendOptions {
  /** A socket that does not get the message, usually its sender. */
  readonly except?: { readonly id: string } | undefined
  /** What happens to a slow reader: `close`, `drop` or `latest`. */
  readonly slow?: SlowPolicy
  /** Under `latest`, names the waiting message that this one replaces: one for each group, type and key. */
  readonly key?: string
  /** Whether it is kept in the history of the contract, if that has one. */
  readonly keep?: boolean
}

/** A message from the history of a group. */
export interface HistoryMessage {
  readonly at: Position
  /** `null` for an unnamed shape. */
  readonly type: string | null
  readonly data: unknown
}

/** A page of the members. */
export interface MembersPage {
  /** The user of the last member of the page before; without it, the first page. */
  readonly after?: string | undefined
  /** At most this many members; by default 1,000. */
  readonly limit?: number
}

/** All sockets that get the same messages. */
export interface Group<S> {
  /**
   * Sends to all members of the group, on every node. Resolves when local delivery is queued and the layer
   * has accepted the message.
   *
   * @throws TypeError when the data cannot be sent; SallyportError `ERR_LAYER` when the layer is away, or did
   * not answer in time (the layer may then have kept the message all the same); Denial 403 `ended` through
   * `socket.group()`, when that socket lost its access while a handler ran
   */
  send(...message: Outgoing<S, GroupSendOptions>): Promise<void>
  /**
   * The members, each subject once; empty unless the endpoint declares presence. Read a large group in pages:
   * each page looks once at every member. A process without a socket in the group asks all nodes, and waits
   * for a second at most.
   * @param page without it, all members in the order in which they came; with it, those after a user, in the
   * order of their users
   * @throws TypeError when the page is malformed; SallyportError `ERR_LAYER` when the layer is away
   *
   * @example await group.members({ after: last?.user, limit: 100 })
   */
  members(page?: MembersPage): Promise<readonly PresentMember[]>
  /**
   * The kept messages, oldest first: after a position, or all of them. `complete` is true only if it is
   * proven that no message in between is missing. For all messages it means that no message is missing that
   * is younger than the time of the history. The bytes of a message belong to the caller.
   *
   * @throws SallyportError `ERR_LAYER` when the layer is away
   */
  history(
    after?: Position | null,
  ): Promise<{ readonly complete: boolean; readonly messages: readonly HistoryMessage[] }>
}

/**
 * The sockets that `revoke` and `recheck` are about. All given fields must match, and at least one must be
 * given.
 */
export interface RevokeTarget {
  /**
   * The subject of an identity. For `socket.server` and `server.tenant(name)` it is a subject of that tenant,
   * for the server itself a subject of any tenant. Beside a session or a token it is the subject of that
   * session or token, in any tenant.
   */
  readonly user?: string
  /** The name of a session, as its identity has it. */
  readonly session?: string
  /** The name of a token, as its identity has it. */
  readonly token?: string
  /** One endpoint with these params, such as a room. */
  readonly at?: readonly [contract: Contract, params?: Readonly<Record<string, string>>]
}

/** Reaches groups and users, from a handler or from outside of sockets. */
export interface Messenger {
  /**
   * The group of a contract's endpoint with these params, or one of its audiences.
   *
   * @throws TypeError when a param is missing or malformed
   */
  group<C extends AnyContract>(
    contract: C,
    ...rest: {} extends Params<C['path']>
      ? [params?: {}, audience?: C['audiences'][number]]
      : [params: Params<C['path']>, audience?: C['audiences'][number]]
  ): Group<C['server']>
  /** Every device of one subject in an endpoint of this contract, on every node, with its history. */
  user<C extends AnyContract>(contract: C, subject: string): Pick<Group<C['server']>, 'send' | 'history'>
  /**
   * Ends access now, on every node. The server remembers it for the time of its option `remember`. A revoked
   * session or token is refused from now on (401). Of a revoked user, every credential that was issued before
   * now is refused (403). Handshakes under way are included. A user is revoked in this tenant alone, and
   * through the server itself in all tenants. With `at` it is a kick: the sockets of that room alone are
   * closed, and `authorize` decides about a return.
   * @param target the sockets, and the reason of 1 to 256 characters, which the client is told
   * @returns what was closed, on which nodes, and which nodes did not answer within a second after the
   * command was published
   *
   * @throws TypeError before anything has changed, when the target is empty, or a name or the reason is
   * malformed; the error of the layer, when other nodes cannot be told
   * @example await server.revoke({ user: user.id, reason: 'banned' }) // { closed: 3, changed: 0, dropped: 0,
   * nodes: ['a', 'b'], silent: [] }
   */
  revoke(target: RevokeTarget & { readonly reason: string }): Promise<Receipt>
  /**
   * Authenticates and authorizes these sockets again, on every node, because rights have changed. A socket
   * that loses its grant is closed with 4403, and a socket whose identity is gone with 4401. A changed grant
   * is told to handlers and client. Leases restart.
   * @param target the sockets, and a reason of 1 to 256 characters for clients whose identity is gone; by
   * default `you are no longer signed in`
   *
   * @throws TypeError before anything has changed, when the target is empty, or a name or the reason is
   * malformed; the error of the layer, when other nodes cannot be told
   * @example await server.recheck({ user: user.id, reason: 'signed out everywhere' })
   */
  recheck(target: RevokeTarget & { readonly reason?: string }): Promise<Receipt>
}
