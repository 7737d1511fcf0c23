import { runAdmission, emitDenied } from '../core/admission/admit.ts'
import { serverContext } from '../core/server-context.ts'
import type { Endpoint } from '../core/api/endpoint-options.ts'
import { type ServerOptions, type Server, sallyport } from '../server.ts'
import { memoryHandshake } from '../transports/memory.ts'
import type { Payload } from '../wire/body.ts'
import { protocolName } from '../wire/carrier.ts'
import type { AnyContract, Incoming, Outgoing } from '../wire/contract.ts'
import { Denial } from '../wire/errors.ts'
import {
  aFunction,
  anObject,
  assertKind,
  checkedOptions,
  aString,
  aText,
  having,
  type OptionKind,
  type OptionKinds,
  strings,
} from '../wire/options.ts'
import type { PresentMember } from '../wire/frame.ts'
import type { Params } from '../wire/path.ts'
import type { InputOf, OutputOf } from '../wire/schema.ts'
import { type Ask, TestSocket, type RefreshAnswer } from './test-socket.ts'
import { VisitRefused } from './visit-refused.ts'

/**
 * The identity of a visit: a user, given without a credential, or headers, which the endpoint's own
 * authenticator reads.
 */
export type Who<U> = {
  /** The server to visit; by default one that all visits share. */
  readonly server?: Server
  /** The query string, without `?`. */
  readonly query?: string
  /** The address of the peer; by default 127.0.0.1. */
  readonly address?: string
  /**
   * Answers a server's request for a new credential with a bearer token. `null`, the default, sends no
   * answer.
   */
  readonly refresh?: (ask: Ask) => string | null
} & (
  | { readonly user: NoInfer<U>; readonly subject?: string; readonly scopes?: readonly string[] }
  | { readonly headers: Readonly<Record<string, string>> }
)

/** A client of an endpoint, in a test. */
export interface TestVisitor<C extends AnyContract> {
  readonly grant: unknown
  /** The current members. */
  readonly members: readonly PresentMember[]
  /** The current number of members. When they are too many for a list, `members` is empty. */
  readonly count: number
  /** The server's answers to new credentials, oldest first. */
  readonly refreshes: readonly RefreshAnswer[]
  /** Settles with the close code once the socket has ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** Sends; resolves when the handler has settled, and rejects with its denial. */
  send(...message: Outgoing<C['client'], never>): Promise<void>
  /** Calls the server. */
  call<N extends keyof C['calls'] & string>(
    name: N,
    input: InputOf<C['calls'][N]['input']>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<OutputOf<C['calls'][N]['output']>>
  /**
   * The next message, tagged with its type.
   *
   * @throws Error when none comes within a second
   */
  next(): Promise<Incoming<C['server']>>
  /**
   * The next message of one type, without it.
   *
   * @throws Error when none comes within a second
   */
  next<T extends keyof C['server'] & string>(
    type: T,
  ): Promise<Omit<Extract<Incoming<C['server']>, { readonly type: T }>, 'type'>>
  /**
   * Settles when all work under way is done. @throws Error when a message has arrived that the test has not
   * read
   */
  nothing(): Promise<void>
  /** Sends a payload unchanged, to test what a hostile or broken client gets. */
  raw(payload: Payload): void
  /** Closes like a client; by default with 1000. */
  leave(code?: number): void
  /** Cuts the connection, like a lost network. */
  cut(): void
}

const anEndpoint: OptionKind = {
  wanted: 'an endpoint or a consumer',
  is: (value) => aFunction.is(value) && 'contract' in Object(value),
}
const whoKinds: OptionKinds<EveryWho> = {
  server: having('group', 'revoke'),
  query: aText,
  address: aString,
  refresh: aFunction,
  user: { wanted: 'a user, or null for a guest', is: (value) => value !== undefined },
  subject: aString,
  scopes: strings,
  headers: anObject,
}
/** The fields of all forms of `Who`. */
type EveryWho = Partial<Record<'user' | 'subject' | 'scopes' | 'headers' | keyof Who<unknown>, unknown>>

let shared: Server | undefined

/** A server for tests: messages of the server are checked against its contract too. */
export function testServer(options: ServerOptions = {}): Server {
  assertKind('the options of testServer()', options, anObject)
  return sallyport({ checkOutgoing: true, ...options })
}

/**
 * Opens an endpoint without a network, with authentication and authorization, on the real engine.
 *
 * @throws VisitRefused when the handshake is denied
 * @example const alice = await visit(room, { room: 'lobby' }, { user: ada })
 */
export async function visit<C extends AnyContract, U>(
  endpoint: Endpoint<C, U>,
  params: Params<C['path']>,
  who: Who<U>,
): Promise<TestVisitor<C>> {
  assertKind('the endpoint of visit()', endpoint, anEndpoint)
  assertKind('the params of visit()', params, anObject)
  who = checkedOptions('visit()', who, whoKinds)
  const { server = (shared ??= testServer()), query = '', address = '127.0.0.1', refresh = () => null } = who
  const { contract } = endpoint
  const path = contract.template.build(params)
  const socket = new TestSocket(contract, path, refresh)
  const known =
    'user' in who
      ? { user: who.user, ...optional('subject', who.subject), ...optional('scopes', who.scopes) }
      : null
  const { handshake, host, clientSide } = asVisitRefused(() =>
    memoryHandshake(
      server[serverContext],
      { path, query, headers: headersOf('headers' in who ? who.headers : {}), address, known },
      socket,
    ),
  )
  socket.clientSide = clientSide
  const denial = await runAdmission(endpoint, { handshake, host })
  if (denial !== null) {
    emitDenied(handshake, denial)
    throw new VisitRefused(denial, handshake.id)
  }
  await socket.opened
  // TestSocket is the untyped form of the visitor of this contract
  return socket as unknown as TestVisitor<C>
}

function asVisitRefused<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof Denial ? new VisitRefused(error, 'test') : error
  }
}

function optional<N extends string, T>(name: N, value: T | undefined): Partial<Record<N, T>> {
  // one property, or none
  return (value === undefined ? {} : { [name]: value }) as Partial<Record<N, T>>
}

function headersOf(sent: Readonly<Record<string, string>>): Headers {
  const headers = new Headers(sent)
  const offered = headers.get('sec-websocket-protocol')
  headers.set('sec-websocket-protocol', offered === null ? protocolName : `${protocolName}, ${offered}`)
  return headers
}
