import type { Calls, Contract, Direction, Outgoing, SlowPolicy } from '../../wire/contract.ts'
import type { PresentMember, Position } from '../../wire/frame.ts'
import type { Params } from '../../wire/path.ts'
import type { Receipt } from './receipt.ts'

/** How one message travels; what is left out follows the contract's event. */
export interface GroupSendOptions {
  /** The socket that does not hear it, mostly the one that said it. */
  readonly except?: { readonly id: string } | undefined
  /** What a slow reader suffers. */
  readonly slow?: SlowPolicy
  /** Under `latest`, what this message replaces: one pending message per group, type and key. */
  readonly key?: string
  /** Whether it is kept in the history of the contract, if that has one. */
  readonly keep?: boolean
}

/** A message out of the history of a group. */
export interface HistoryMessage {
  readonly at: Position
  /** `null` for an unnamed shape. */
  readonly type: string | null
  readonly data: unknown
}

/** Which of the members are asked for. */
export interface MembersPage {
  /** The user of the last member of the page before; the first page when left out. */
  readonly after?: string | undefined
  /** How many at most; 1,000 when left out. */
  readonly limit?: number
}

/** The people who hear the same thing. */
export interface Group<S> {
  /**
   * Sends to everyone in the group, on every node. Resolves when local delivery is queued and the layer has accepted it.
   *
   * @throws TypeError when the data cannot be sent; SallyportError `ERR_LAYER` when the layer is away, or did not answer in
   * time, which leaves open whether a message that is kept was accepted; a denial 403 `ended`
   * through `socket.group()`, when the right of that socket was lost while a handler was at work
   */
  send(...message: Outgoing<S, GroupSendOptions>): Promise<void>
  /**
   * Who is here, each subject once; empty unless the endpoint declares presence. Of a large group ask for pages: each looks once
   * at every member, and carries no more than it holds. A process in which nobody is inside asks all nodes, for a second at most.
   *
   * @param page all in the order in which they came when left out; else those after a user, in the order of their users
   * @throws TypeError when the page is malformed; SallyportError `ERR_LAYER` when the layer is away
   * @example await group.members({ after: last?.user, limit: 100 })
   */
  members(page?: MembersPage): Promise<readonly PresentMember[]>
  /**
   * What is kept, oldest first, after a position or all of it. `complete` is true only if it is proven that no message is missing
   * in between; of all of it, none that is younger than the history's time. The bytes of a message are the caller's own.
   *
   * @throws SallyportError `ERR_LAYER` when the layer is away
   */
  history(
    after?: Position | null,
  ): Promise<{ readonly complete: boolean; readonly messages: readonly HistoryMessage[] }>
}

/** Whom `revoke` and `recheck` are about: all that is named must hold. At least one must be named. */
export interface RevokeTarget {
  /**
   * The subject of an identity: of this tenant for `socket.server` and `server.tenant(name)`, of every tenant for the server
   * itself. Beside a session or a token, whose names are the same everywhere, it is the subject of those.
   */
  readonly user?: string
  readonly session?: string
  readonly token?: string
  /** One endpoint with these params, such as a room. */
  readonly at?: readonly [contract: Contract, params?: Readonly<Record<string, string>>]
}

/** Groups and users, as they are reached from inside and outside of sockets. */
export interface Messenger {
  /**
   * The group of a contract's endpoint with these params, or one of its audiences.
   *
   * @throws TypeError when a param is missing or malformed
   */
  group<P extends string, S extends Direction, A extends string>(
    contract: Contract<P, Direction, S, Calls, A>,
    ...rest: {} extends Params<P>
      ? [params?: {}, audience?: NoInfer<A>]
      : [params: Params<P>, audience?: NoInfer<A>]
  ): Group<S>
  /** Every device of one subject that is inside an endpoint of this contract, on every node, with its history. */
  user<S extends Direction>(
    contract: Contract<string, Direction, S>,
    subject: string,
  ): Pick<Group<S>, 'send' | 'history'>
  /**
   * Ends access now, on every node, and remembers it until nothing that it ends can still be valid. A revoked session or
   * token is refused from now on (401), of a revoked user every credential that was issued before now (403); a handshake
   * on its way is caught. A user is meant in this tenant alone, by the server itself in all of them: a ban is one everywhere.
   * With `at` it is the kick: out of that room alone, and who may come back is for `authorize` to say.
   *
   * @param whom with the reason, 1 to 256 characters, which the client is told
   * @returns what was closed, on which nodes, and which nodes did not answer within a second of the publication
   * @throws TypeError before anything has changed, when nobody is named or a name or the reason is none; what the layer
   * throws, when other nodes cannot be told
   * @example await server.revoke({ user: user.id, reason: 'banned' }) // { closed: 3, changed: 0, dropped: 0, nodes: ['a', 'b'], silent: [] }
   */
  revoke(whom: RevokeTarget & { readonly reason: string }): Promise<Receipt>
  /**
   * Asks both doors again for these sockets, on every node: rights have changed. A grant that is lost closes the socket
   * with 4403, one that has changed is told to handlers and client, and leases start anew.
   *
   * @throws TypeError when nobody is named; what the layer throws, when other nodes cannot be told
   */
  recheck(whom: RevokeTarget): Promise<Receipt>
}
