import { Denial } from '../wire/errors.ts'
import { type Door, type Handshake, hub } from './application.ts'
import type { Credentials } from './credentials.ts'
import { networkOf } from './network.ts'
import { placeOf } from './place.ts'
import { isRecord } from '../wire/json.ts'
import { assertKind, type Kind } from '../wire/options.ts'

const aDoor: Kind = {
  wanted: 'what an authenticator is asked with',
  is: (value) => isRecord(value) && isRecord(value['credentials']),
}

/** What `limitLookup` does for the credentials of a handshake. Those of a refresh come from someone who is inside. */
const limits = new WeakMap<Credentials, () => void>()

/**
 * For an authenticator that says `limitsLookups`: called before it asks anyone about an explicit credential which nothing
 * has shown to be genuine. It does nothing for cookies.
 *
 * @throws Denial 429 `too-many-failures` when the network has brought too many bad credentials, with the time in which one
 * more may be looked up
 * @example
 * const robot: Authenticator<Robot> = async (door) => {
 *   const key = door.credentials.of('key')
 *   if (key === null) return null
 *   limitLookup(door)
 *   return (await robots.byKey(key)) ?? deny(401, 'unknown-key')
 * }
 * export const robots = Object.assign(robot, { limitsLookups: true } as const)
 */
export function limitLookup(door: Pick<Door, 'credentials'>): void {
  assertKind('what limitLookup() takes', door, aDoor)
  limits.get(door.credentials)?.()
}

/**
 * Finds out who someone is under the budget of their network: look-ups are limited, and an explicit credential that turns
 * out to be bad is counted. One that is genuine, such as an expired token, is not.
 */
export async function countingFailures<T>(
  handshake: Handshake,
  { credentials: held }: Door,
  identify: () => Promise<T>,
): Promise<T> {
  const { explicit } = held
  if (explicit === null) return identify()
  limits.set(held, () => assertBudget(handshake))
  try {
    return await identify()
  } catch (error) {
    if (error instanceof Denial && error.status === 401 && !error.genuine)
      handshake[hub].failures.count(networkOf(handshake.address), explicit)
    throw error
  }
}

function assertBudget(handshake: Handshake): void {
  const { failures, emit } = handshake[hub]
  const shortMs = failures.shortMs(networkOf(handshake.address))
  if (shortMs === 0) return
  emit({ type: 'limited', limit: 'failedHandshakes', scope: 'address', ...placeOf(handshake) })
  throw new Denial(429, 'too-many-failures', 'too many bad credentials came from your address', {
    retryAfterMs: Math.ceil(shortMs),
  })
}
