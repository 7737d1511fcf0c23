import { Denial, withCloseCode } from '../../wire/errors.ts'
import type { Authenticator } from '../api/handshake.ts'
import type { Identity } from '../api/identity.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'

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

/** A denial with 401 or 403, with the close code that the endpoint chose; any other denial unchanged. */
export function withCode(denial: Denial, { refuse }: AccessOptions): Denial {
  if (refuse === undefined) return denial
  return denial.status === 401 || denial.status === 403 ? withCloseCode(denial, refuse.code) : denial
}

/**
 * Authorization: the grant of the endpoint for an identity, at once where the rule answers at once. It never
 * throws or rejects.
 *
 * @returns the grant, or a {@link Denial}, which is never a grant: the refusal of the endpoint, whether its rule
 * throws or returns it, or 503 when the rule fails, because then the answer is not known
 */
export function callAuthorize({ authorize: rule }: AccessOptions, question: object): Awaitable<unknown> {
  if (rule === undefined) return true
  try {
    const grant = rule(question)
    return isThenable(grant) ? later(grant) : granted(grant)
  } catch (error) {
    return refusalBy(error)
  }
}

async function later(pending: PromiseLike<unknown>): Promise<unknown> {
  try {
    return granted(await pending)
  } catch (error) {
    return refusalBy(error)
  }
}

/** @throws TypeError when it is neither a grant nor a refusal: it would accept every peer */
function granted(grant: unknown): unknown {
  if (grant === false || grant === null || grant === undefined)
    return new Denial(403, 'forbidden', 'you may not come in here')
  // a rule that makes rules and was not called
  if (typeof grant === 'function') throw new TypeError('authorize answered a function, which is no grant')
  if (grant instanceof Error && !(grant instanceof Denial))
    throw new TypeError('authorize answered an error, which is no grant', { cause: grant })
  return grant
}

function refusalBy(error: unknown): Denial {
  if (error instanceof Denial) return error
  return new Denial(503, 'unavailable', 'your access could not be checked: come back later', {
    cause: error,
    detail: 'authorize threw',
  })
}
