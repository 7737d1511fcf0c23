import { Denial, deny, withCloseCode } from '../../wire/errors.ts'
import type { Authenticator } from '../api/handshake.ts'
import type { Identity } from '../api/identity.ts'

/** What the engine needs of an endpoint's demands, without their types: `endpoint` and `consumer` have checked those. */
export interface AccessOptions {
  readonly auth: Authenticator<unknown>
  readonly authorize?: (question: object) => unknown
  readonly refuse?: { readonly code: number }
}

/** Someone who has passed both doors. */
export interface AuthorizedPeer {
  readonly identity: Identity<unknown>
  readonly subject: string
  readonly params: Readonly<Record<string, string>>
  /** The canonical path. */
  readonly path: string
  readonly grant: unknown
  /** How many orders had been heard when the first door was asked: one that came later may know better. */
  readonly accessVersion: number
}

/** A denial for 401 and 403 with the close code that an endpoint chose; anything else as it is. */
export function withCode(error: unknown, { refuse }: AccessOptions): unknown {
  if (refuse === undefined || !(error instanceof Denial)) return error
  return error.status === 401 || error.status === 403 ? withCloseCode(error, refuse.code) : error
}

/** The second door. @throws Denial what it refuses with; 503 when it fails: whether they may come in is not known then */
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
