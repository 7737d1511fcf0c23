import type { AuthRequest } from '../api/handshake.ts'
import type { Credentials } from '../api/credentials.ts'
import { isRecord } from '../../wire/json.ts'
import { assertKind, type OptionKind } from '../../wire/options.ts'

const authRequestKind: OptionKind = {
  wanted: 'what an authenticator is asked with',
  is: (value) => isRecord(value) && isRecord(value['credentials']),
}

/**
 * What `limitLookup` does for the credentials of a handshake. There is no entry for the credentials of a
 * refresh, which come from an authenticated peer.
 */
const lookupLimits = new WeakMap<Credentials, () => void>()

/**
 * For an authenticator that says `limitsLookups`: called before it asks anyone about an explicit credential which nothing
 * has shown to be genuine. It does nothing for cookies.
 *
 * @throws Denial 429 `too-many-failures` when the network has brought too many bad credentials, with the time in which one
 * more may be looked up
 * @example
 * const robot: Authenticator<Robot> = async (request) => {
 *   const key = request.credentials.of('key')
 *   if (key === null) return null
 *   limitLookup(request)
 *   return (await robots.byKey(key)) ?? deny(401, 'unknown-key')
 * }
 * export const robots = Object.assign(robot, { limitsLookups: true } as const)
 */
export function limitLookup(request: Pick<AuthRequest, 'credentials'>): void {
  assertKind('what limitLookup() takes', request, authRequestKind)
  lookupLimits.get(request.credentials)?.()
}

/** Sets what {@link limitLookup} does for these credentials: it throws when the budget is used up. */
export function setLookupLimit(credentials: Credentials, assertBudget: () => void): void {
  lookupLimits.set(credentials, assertBudget)
}
