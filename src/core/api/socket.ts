import type { AnyContract, Incoming, Outgoing } from '../../wire/contract.ts'
import type { Params } from '../../wire/path.ts'
import type { Group, GroupSendOptions, Messenger } from './messenger.ts'
import type { LeaveReason } from './events.ts'

/** How a socket has ended. */
export interface Leave {
  readonly why: LeaveReason
  /** The close code. */
  readonly code: number
  /** Whether the peer is expected to come back. */
  readonly mayReturn: boolean
}

/** A socket as handlers see it: one opened endpoint. */
export interface Socket<C extends AnyContract, U, G> {
  /** The unguessable id of the socket. */
  readonly id: string
  readonly user: U
  /** The name of the identity, as `server.user` takes it. */
  readonly subject: string
  readonly scopes: readonly string[]
  readonly params: Params<C['path']>
  /**
   * The last result of `authorize`. It may change while the socket is open: read it again after every
   * `await`.
   */
  readonly grant: G
  /** The grant, now and whenever it changes, until the socket ends. */
  grants(): AsyncIterable<G>
  /**
   * Aborted when the socket has ended, also because its peer has left. Pass it to waits, so that they end
   * with the socket. The error that it causes then is no fault, and is not reported.
   */
  readonly signal: AbortSignal
  /**
   * Asserts that the handler may still act for the user: call it after each wait, before a write. When a peer
   * has left by itself, messages that it sent before still count, so it throws nothing then. Its error is no
   * fault, and is not reported.
   *
   * @throws Denial 403 `ended` when access has ended: revoked, expired or denied
   * @example socket.assertAllowed()
   */
  assertAllowed(): void
  /** Reaches groups and users; in a test, those of its test server. */
  readonly server: Messenger
  /**
   * Sends to this socket alone.
   *
   * @returns whether there is room for more: less than half of `limits.outboundBytes` waits for the reader.
   * On `false` wait for {@link Socket.drained}. A sender that continues meets the policy of the message
   * (4508, `drop`, `latest`) at the whole bound. `false` may also mean that this message was dropped, if that
   * is its policy, or that the socket has ended
   * @throws TypeError when the data cannot be sent
   */
  send(...message: Outgoing<C['server'], GroupSendOptions>): boolean
  /**
   * Resolves, at the earliest in the next turn, when less than a quarter of `limits.outboundBytes` waits for
   * the reader. Several waits continue one by one. After `limits.outboundMs` (60 s) the socket is closed with
   * 4508.
   *
   * @throws (rejects with) an `AbortError` when the socket has ended or ends meanwhile; an error that a
   * handler throws then is not reported
   * @example for await (const row of rows) if (!socket.send('row', row)) await socket.drained()
   */
  drained(): Promise<void>
  /** The group of this contract and these params, or one of its audiences. The socket is a member already. */
  group(audience?: C['audiences'][number]): Group<C['server']>
  /**
   * Closes the socket.
   *
   * @param code 1000 or 3000 to 4999; by default 1000
   * @throws TypeError for any other code, or a reason that is no text; the socket stays open then
   */
  close(code?: number, reason?: string): void
}

/** A socket whose messages are read in a loop, which ends when the peer leaves, access ends or the server drains. */
export interface LoopSocket<C extends AnyContract, U, G>
  extends Socket<C, U, G>, AsyncIterable<Incoming<C['client']>> {}
