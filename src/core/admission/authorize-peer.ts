import type { Contract } from '../../wire/contract.ts'
import { Denial } from '../../wire/errors.ts'
import type { AuthRequest, Handshake } from '../api/handshake.ts'
import type { Identity } from '../api/identity.ts'
import type { EndpointLimits } from '../api/limits.ts'
import { type ServerContext, type ServerHandshake, serverContext } from '../server-context.ts'
import { authenticate, subjectOf } from '../access/authenticate.ts'
import { setLookupLimit } from '../access/credentials.ts'
import { networkOf } from '../runtime/ip-network.ts'
import { identityInfoOf, peerInfoOf } from './peer-info.ts'
import { type AccessOptions, type AuthorizedPeer, callAuthorize, withCode } from '../access/authorize.ts'
import { andThen, type Awaitable, isThenable } from '../runtime/awaitable.ts'

/** An endpoint as admission sees it: its path, who may come in, and how large a message may be. */
export interface AdmittingEndpoint {
  readonly contract: Contract
  readonly options: AccessOptions & { readonly limits: Pick<EndpointLimits, 'message'> }
}

/** A handshake on its way through an endpoint, and what is known of its peer so far. */
export class Arrival<E extends AdmittingEndpoint = AdmittingEndpoint> {
  readonly handshake: ServerHandshake
  readonly context: ServerContext
  readonly endpoint: E
  /** The params of the contract in the path. */
  readonly params: Readonly<Record<string, string>>
  /** Set when the peer was authenticated. */
  identity: Identity<unknown> | null = null
  subject = ''
  /** How many access commands had arrived when authentication began. */
  accessVersion = 0

  constructor(handshake: ServerHandshake, endpoint: E, params: Readonly<Record<string, string>>) {
    this.handshake = handshake
    this.context = handshake[serverContext]
    this.endpoint = endpoint
    this.params = params
  }

  /**
   * An error on this way as the answer. It also notes what the event of a denial tells of the peer.
   *
   * @throws the error, if it is no denial
   */
  refusal(error: unknown): Denial {
    const { handshake, context, endpoint, identity, subject } = this
    const known = identity === null ? {} : identityInfoOf(context, subject, identity)
    handshake.denied = { contract: endpoint.contract.path, ...known }
    if (error instanceof Denial) return withCode(error, endpoint.options)
    throw error
  }
}

/**
 * Authenticates and authorizes a handshake: at once where both answer at once.
 *
 * @returns the peer, or the refusal of authentication or authorization
 * @throws (or rejects with) Denial 503 when revocations cannot be known
 */
export function authenticateAndAuthorize(
  arrival: Arrival,
  request: AuthRequest,
): Awaitable<AuthorizedPeer | Denial> {
  const current = arrival.context.accessCommands.current()
  return isThenable(current)
    ? revocationsKnown(current).then(() => identify(arrival, request))
    : identify(arrival, request)
}

function identify(arrival: Arrival, request: AuthRequest): Awaitable<AuthorizedPeer | Denial> {
  const { context, endpoint } = arrival
  arrival.accessVersion = context.accessCommands.version
  limitLookups(arrival.handshake, request)
  return andThen(authenticate(endpoint.options.auth, request), (identity) =>
    identity instanceof Denial
      ? countFailure(arrival.handshake, request, identity)
      : authorize(arrival, request, identity),
  )
}

function authorize(
  arrival: Arrival,
  request: AuthRequest,
  identity: Identity<unknown>,
): Awaitable<AuthorizedPeer | Denial> {
  const { handshake, endpoint, params, accessVersion } = arrival
  const { contract, options } = endpoint
  const subject = subjectOf(identity, handshake.id)
  arrival.identity = identity
  arrival.subject = subject
  const { user, scopes = [] } = identity
  const granted = callAuthorize(options, {
    user,
    subject,
    scopes,
    params,
    why: 'open',
    // made when the rule reads it: most rules need no signal
    get signal() {
      return request.signal
    },
  })
  return andThen(granted, (grant) => {
    if (grant instanceof Denial) return grant
    return {
      identity,
      subject,
      params,
      path: canonicalPath(contract, params, handshake),
      grant,
      accessVersion,
    }
  })
}

/** The canonical path. It is the path of the handshake where that is the same: a socket keeps both, and so one text. */
function canonicalPath(
  { template }: Contract,
  params: Readonly<Record<string, string>>,
  { path: sent }: Handshake,
): string {
  const path = template.build(params)
  return path === sent ? sent : path
}

/** Puts look-ups of an explicit credential under the budget of the network. */
function limitLookups(handshake: ServerHandshake, { credentials }: AuthRequest): void {
  if (credentials.explicit !== null)
    setLookupLimit(credentials, () => assertBudget(handshake[serverContext], handshake))
}

/**
 * Counts an explicit credential that turned out to be bad. A genuine credential, such as an expired token, is
 * not counted.
 *
 * @returns the denial
 */
function countFailure(handshake: ServerHandshake, { credentials }: AuthRequest, denial: Denial): Denial {
  const { explicit } = credentials
  if (explicit !== null && denial.status === 401 && !denial.genuine)
    handshake[serverContext].failedAttempts.count(networkOf(handshake.address), explicit)
  return denial
}

function assertBudget({ failedAttempts, emit }: ServerContext, handshake: Handshake): void {
  const shortMs = failedAttempts.shortMs(networkOf(handshake.address))
  if (shortMs === 0) return
  emit({ type: 'limited', limit: 'failedHandshakes', scope: 'address', ...peerInfoOf(handshake) })
  throw new Denial(429, 'too-many-failures', 'too many bad credentials came from your address', {
    retryAfterMs: Math.ceil(shortMs),
  })
}

/** Waits until the revocations of other nodes are known. @throws Denial 503 when they cannot be known */
async function revocationsKnown(current: PromiseLike<unknown>): Promise<void> {
  try {
    await current
  } catch {
    // the cause is reported at each attempt, and not for each handshake
    throw new Denial(503, 'unavailable', 'the server receives no revocations: come back later', {
      retryAfterMs: 1_000,
      detail: 'listening to the other nodes',
    })
  }
}
