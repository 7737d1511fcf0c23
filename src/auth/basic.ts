import { authenticatorOf } from '../core/access/authenticator.ts'
import type { Authenticator, AuthRequest } from '../core/api/handshake.ts'
import { basicPair } from '../core/access/credentials.ts'
import { limitLookup } from '../core/access/limit-lookup.ts'
import type { Identity } from '../core/api/identity.ts'
import { isThenable } from '../core/runtime/awaitable.ts'
import { Denial, SallyportError } from '../wire/errors.ts'
import { aFunction, checkedOptions, aText, type OptionKinds, needed, wholeFrom } from '../wire/options.ts'
import type { Found } from './found.ts'

/** What {@link basic} needs. */
export interface BasicOptions<U> {
  /**
   * The user with this name and password; `null` or `undefined` when there is none. It should hash a password
   * for unknown users too, against a fixed hash: a faster answer would tell which names exist.
   */
  check(user: string, password: string, request: AuthRequest): Found<U>
  /** What the credentials are for; browsers show it. */
  readonly realm: string
  /**
   * How many checks may run at once, because a password hash occupies a core for a while; beyond it the
   * answer is 503. By default 32.
   */
  readonly atOnce?: number
}

const kinds: OptionKinds<BasicOptions<unknown>> = {
  check: needed(aFunction),
  realm: needed(aText),
  atOnce: wholeFrom(1),
}

const maxLength = 256

/**
 * Authenticates scripts and devices by user name and password in the `Authorization` header (RFC 7617). Names
 * and passwords longer than 256 characters are refused without hashing, because hashing them would help an
 * attacker.
 *
 * A wrong pair is 401 `bad-credentials`, with the same text for all; 503 `busy` when too many checks run.
 *
 * @throws SallyportError ERR_CONFIGURATION when the realm is empty or holds more than printable ASCII
 * @example basic({ realm: 'devices', check: (user, password) => devices.verified(user, password) })
 */
export function basic<U>(options: BasicOptions<U>): Authenticator<U> {
  options = checkedOptions('basic()', options, kinds)
  const { realm, atOnce = 32 } = options
  if (!/^[ !#-[\]-~]+$/.test(realm))
    throw new SallyportError('ERR_CONFIGURATION', "basic() needs a 'realm' of printable ASCII without quotes")
  const challenge = `Basic realm="${realm}", charset="UTF-8"`
  const refused = (why: string): Denial =>
    new Denial(401, 'bad-credentials', 'user name or password is wrong', {
      challenge,
      detail: `the pair is ${why}`,
    })
  const identityOf = (user: U | null | undefined): Identity<U> | Denial =>
    user === null || user === undefined ? refused('not that of a user') : { user }
  let running = 0
  const later = async (found: Found<U>): Promise<Identity<U> | Denial> => {
    running++
    try {
      return identityOf(await found)
    } finally {
      running--
    }
  }
  return authenticatorOf(
    (request) => {
      const value = request.credentials.of('basic')
      if (value === null) return null
      const pair = pairOf(value)
      if (pair === null) return refused('malformed or too long')
      limitLookup(request)
      if (running >= atOnce)
        return new Denial(503, 'busy', 'too many sign-ins at once: come back later', { retryAfterMs: 1000 })
      const found = options.check(pair.user, pair.password, request)
      return isThenable(found) ? later(found) : identityOf(found)
    },
    { schemes: [scheme], limitsLookups: true },
  )
}

const scheme = {
  type: 'http',
  scheme: 'basic',
  description: 'User name and password in the Authorization header.',
} as const

function pairOf(value: string): { readonly user: string; readonly password: string } | null {
  const pair = basicPair(value)
  if (pair === null || pair.user === '') return null
  const parts = [pair.user, pair.password]
  // RFC 7617 section 2 forbids control characters; in a log they could forge lines
  return parts.some((one) => one.length > maxLength || /\p{Cc}/u.test(one)) ? null : pair
}
