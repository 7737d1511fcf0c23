import type { Contract } from '../wire/contract.ts'
import { Denial, deny, withCloseCode } from '../wire/errors.ts'
import { type Authenticator, type Door, door, type Handshake, hub } from './application.ts'
import type { Hub } from './hub.ts'
import type { Identity } from './identity.ts'
import { authenticate, subjectOf } from './authenticate.ts'
import { countingFailures } from './limit-lookup.ts'
import { type Known, suspect } from './place.ts'
import type { Why } from './report.ts'

export type { Why }

/** What the engine needs of an endpoint's demands, without their types: `endpoint` and `consumer` have checked those. */
export interface Checks {
  readonly auth: Authenticator<unknown>
  readonly authorize?: (question: object) => unknown
  readonly refuse?: { readonly code: number }
}

/** Someone who has passed both doors. */
export interface Visitor {
  readonly identity: Identity<unknown>
  readonly subject: string
  readonly params: Readonly<Record<string, string>>
  /** The canonical path. */
  readonly path: string
  readonly grant: unknown
  /** How many orders had been heard when the first door was asked: one that came later may know better. */
  readonly asOf: number
}

/** The parameters of a contract in the path of a handshake. @throws Denial 404 when it is another path */
export function paramsOf(contract: Contract, handshake: Handshake): Readonly<Record<string, string>> {
  const detail = `served: ${contract.path}`
  return (
    contract.template.match(handshake.path) ?? deny(404, 'not-found', 'there is no such endpoint', { detail })
  )
}

/**
 * Leads through both doors: who are you, may you come in here.
 *
 * @throws Denial with the endpoint's own close code for 401 and 403
 */
export async function passDoors(
  handshake: Handshake,
  contract: Contract,
  checks: Checks,
  asked: Door = handshake[door],
): Promise<Visitor> {
  let known: Known | null = null
  try {
    const params = paramsOf(contract, handshake)
    await heardOthers(handshake[hub])
    const asOf = handshake[hub].orders.given
    const identity = await countingFailures(handshake, asked, () => authenticate(checks.auth, asked))
    const subject = subjectOf(identity, handshake.id)
    known = { identity, subject }
    const grant = await secondDoor(checks, {
      user: identity.user,
      subject,
      scopes: identity.scopes ?? [],
      params,
      why: 'open',
      signal: asked.signal,
    })
    return { identity, subject, params, path: contract.template.build(params), grant, asOf }
  } catch (error) {
    suspect(handshake, contract, known)
    throw withCode(error, checks)
  }
}

/** What others have revoked is known before a door is asked: what it looks up is younger. @throws Denial 503 when it cannot be known */
async function heardOthers({ orders }: Hub): Promise<void> {
  try {
    await orders.current()
  } catch {
    // why is reported at each attempt, and not for each handshake
    throw new Denial(503, 'unavailable', 'the server cannot hear of revocations: come back later', {
      retryAfterMs: 1_000,
      detail: 'listening to the other nodes',
    })
  }
}

/** A denial for 401 and 403 with the close code that an endpoint chose; anything else as it is. */
export function withCode(error: unknown, { refuse }: Checks): unknown {
  if (refuse === undefined || !(error instanceof Denial)) return error
  return error.status === 401 || error.status === 403 ? withCloseCode(error, refuse.code) : error
}

/** The second door. @throws Denial what it refuses with; 503 when it fails: whether they may come in is not known then */
export async function secondDoor({ authorize: rule }: Checks, question: object): Promise<unknown> {
  if (rule === undefined) return true
  const grant = await answered(rule, question)
  if (grant === false || grant === null || grant === undefined)
    deny(403, 'forbidden', 'you may not come in here')
  return grant
}

async function answered(rule: (question: object) => unknown, question: object): Promise<unknown> {
  try {
    const grant = await rule(question)
    // a rule that makes rules, not called: it would let everybody in
    if (typeof grant === 'function') throw new TypeError('authorize answered a function, which is no grant')
    return grant
  } catch (error) {
    if (error instanceof Denial) throw error
    throw new Denial(503, 'unavailable', 'whether you may come in could not be found out: come back later', {
      cause: error,
      detail: 'authorize threw',
    })
  }
}
