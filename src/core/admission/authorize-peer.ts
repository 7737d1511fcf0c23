import type { Contract } from '../../wire/contract.ts'
import { Denial, deny } from '../../wire/errors.ts'
import { type AuthRequest, authRequest, type Handshake } from '../api/handshake.ts'
import { contextOf, type ServerContext } from '../server-context.ts'
import { authenticate, subjectOf } from '../access/authenticate.ts'
import { orThrow } from '../access/authenticator.ts'
import { type AuthenticatedPeer, noteDenied, peerInfoOf } from './peer-info.ts'
import { type AccessOptions, type AuthorizedPeer, callAuthorize, withCode } from '../access/authorize.ts'
import type { Awaitable } from '../runtime/awaitable.ts'
import { networkOf } from '../runtime/ip-network.ts'
import { setLookupLimit } from '../access/limit-lookup.ts'
import { isThenable } from '../runtime/awaitable.ts'

/** The params of a contract in the path of a handshake. @throws Denial 404 when the path is another one */
export function paramsOf(contract: Contract, handshake: Handshake): Readonly<Record<string, string>> {
  const detail = `served: ${contract.path}`
  return (
    contract.template.match(handshake.path) ?? deny(404, 'not-found', 'there is no such endpoint', { detail })
  )
}

/** A handshake for an endpoint. */
export interface Arrival {
  readonly handshake: Handshake
  readonly context: ServerContext
  readonly contract: Contract
  readonly options: AccessOptions
  /** The params of the contract in the path. */
  readonly params: Readonly<Record<string, string>>
}

/**
 * Authenticates and authorizes a handshake.
 *
 * @throws Denial with the endpoint's own close code for 401 and 403
 */
export async function authenticateAndAuthorize(
  { handshake, context, contract, options, params }: Arrival,
  request: AuthRequest = handshake[authRequest],
): Promise<AuthorizedPeer> {
  let known: AuthenticatedPeer | null = null
  try {
    const current = context.accessCommands.current()
    if (isThenable(current)) await revocationsKnown(current)
    const accessVersion = context.accessCommands.version
    const identity = orThrow(
      await countingFailures(handshake, request, () => authenticate(options.auth, request)),
    )
    const subject = subjectOf(identity, handshake.id)
    known = { identity, subject }
    const grant = orThrow(
      await callAuthorize(options, {
        user: identity.user,
        subject,
        scopes: identity.scopes ?? [],
        params,
        why: 'open',
        signal: request.signal,
      }),
    )
    return { identity, subject, params, path: contract.template.build(params), grant, accessVersion }
  } catch (error) {
    noteDenied(handshake, contract, known)
    throw withCode(error, options)
  }
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

/**
 * Authenticates under the budget of the network: look-ups are limited, and an explicit credential that turns
 * out to be bad is counted. A genuine credential, such as an expired token, is not counted.
 */
async function countingFailures<T>(
  handshake: Handshake,
  { credentials: held }: AuthRequest,
  identify: () => Awaitable<T | Denial>,
): Promise<T | Denial> {
  const { explicit } = held
  if (explicit === null) return identify()
  setLookupLimit(held, () => assertBudget(handshake))
  const result = await identify()
  if (result instanceof Denial && result.status === 401 && !result.genuine)
    contextOf(handshake).failedAttempts.count(networkOf(handshake.address), explicit)
  return result
}

function assertBudget(handshake: Handshake): void {
  const { failedAttempts: failures, emit } = contextOf(handshake)
  const shortMs = failures.shortMs(networkOf(handshake.address))
  if (shortMs === 0) return
  emit({ type: 'limited', limit: 'failedHandshakes', scope: 'address', ...peerInfoOf(handshake) })
  throw new Denial(429, 'too-many-failures', 'too many bad credentials came from your address', {
    retryAfterMs: Math.ceil(shortMs),
  })
}
