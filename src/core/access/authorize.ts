import { Denial, deny, withCloseCode } from '../../wire/errors.ts'
import type { Authenticator } from '../api/handshake.ts'
import type { Identity } from '../api/identity.ts'

/**
 * The options of an endpoint that decide access, without their types: `endpoint` and `consumer` have checked
 * those.
 */
export interface AccessOptions {
  readonly auth: Authenticator<unknown>
  readonly authorize?: (question: object) => unknown
  readonly refuse?: { readonly code: number }
}

/** A peer that was authenticated and authorized. */
export interface AuthorizedPeer {
  readonly identity: Identity<unknown>
  readonly subject: string
  readonly params: Readonly<Record<string, string>>
  /** The canonical path. */
  readonly path: string
  readonly grant: unknown
  /**
   * How many access commands had arrived when authentication began. A command that arrived later may overtake
   * the result.
   */
  readonly accessVersion: number
}

/** A denial with 401 or 403, with the close code that the endpoint chose; any other error unchanged. */
export function withCode(error: unknown, { refuse }: AccessOptions): unknown {
  if (refuse === undefined || !(error instanceof Denial)) return error
  return error.status === 401 || error.status === 403 ? withCloseCode(error, refuse.code) : error
}

/**
 * Authorization: the grant of the endpoint for an identity.
 *
 * @throws Denial the refusal of the endpoint; 503 when it fails, because then the answer is not known
 */
export async function callAuthorize({ authorize: rule }: AccessOptions, question: object): Promise<unknown> {
  if (rule === undefined) return true
  const grant = await grantOf(rule, question)
  if (grant === false || grant === null || grant === undefined)
    deny(403, 'forbidden', 'you may not come in here')
  return grant
}

async function grantOf(rule: (question: object) => unknown, question: object): Promise<unknown> {
  try {
    const grant = await rule(question)
    // a rule that makes rules and was not called: it would accept every peer
    if (typeof grant === 'function') throw new TypeError('authorize answered a function, which is no grant')
    return grant
  } catch (error) {
    if (error instanceof Denial) throw error
    throw new Denial(503, 'unavailable', 'your access could not be checked: come back later', {
      cause: error,
      detail: 'authorize threw',
    })
  }
}
