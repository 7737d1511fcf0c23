import type { AuthRequest } from '../api/handshake.ts'
import { lookupLimitOf } from './credentials.ts'
import { isRecord } from '../../wire/json.ts'
import { assertKind, type OptionKind } from '../../wire/options.ts'

const authRequestKind: OptionKind = {
  wanted: 'the request of an authenticator',
  is: (value) => isRecord(value) && isRecord(value['credentials']),
}

/**
 * For an authenticator with the mark `limitsLookups`. Call it before the look-up of an explicit credential
 * that is not known to be genuine. It does nothing for cookies.
 *
 * @throws Denial 429 `too-many-failures` when the network has sent too many bad credentials, with the time
 * until the next look-up
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
  assertKind('the argument of limitLookup()', request, authRequestKind)
  lookupLimitOf(request.credentials)?.()
}
