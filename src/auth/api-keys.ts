import { authenticatorOf } from '../core/access/authenticator.ts'
import type { Authenticator, AuthRequest, SecurityScheme } from '../core/api/handshake.ts'
import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import { limitLookup } from '../core/access/limit-lookup.ts'
import type { Identity } from '../core/api/identity.ts'
import { andThen, type Awaitable } from '../core/runtime/awaitable.ts'
import { Denial } from '../wire/errors.ts'
import { aFunction, aString, checkedOptions, type OptionKinds, needed } from '../wire/options.ts'
import { sha256Hex } from './fingerprint.ts'
import type { Found } from './found.ts'

/** What {@link apiKeys} needs. */
export interface ApiKeyOptions<U> {
  /**
   * The identity that owns the key with this SHA-256 (64 hex digits), so that no raw key is ever stored;
   * `null` or `undefined` when there is none. Called again at each renewal.
   */
  find(hash: string): Found<Identity<U>>
  /**
   * How your keys begin, such as `'sk_'`. With it they may also be sent as `Authorization: Bearer sk_...`.
   */
  readonly prefix?: string
  /**
   * The header that documentation names. Which headers are read is decided by `carriers.headers` of the
   * server.
   */
  readonly header?: string
  readonly clock?: Clock
}

const kinds: OptionKinds<ApiKeyOptions<unknown>> = {
  find: needed(aFunction),
  prefix: aString,
  header: aString,
  clock: aClock,
}

const maxLength = 512

/**
 * Authenticates programs by API keys: in the header `X-API-Key`, and as a bearer credential if keys have a
 * prefix.
 *
 * Only a hash of the key is looked up, so the time of the look-up tells nothing about the key. A key that is
 * unknown or has ended is 401 `invalid-key`. Keys must be long and random:
 * `randomBytes(32).toString('base64url')`.
 *
 * @example apiKeys({ prefix: 'sk_', find: async (hash) => {
 *   const key = await keys.byHash(hash)
 *   return key && { user: key.robot, subject: `robot:${key.robot.id}`, token: key.id } } })
 */
export function apiKeys<U>(options: ApiKeyOptions<U>): Authenticator<U> {
  options = checkedOptions('apiKeys()', options, kinds)
  return authenticatorOf(
    (request) => {
      const key = keyOf(request, options.prefix)
      if (key === null) return null
      if (key.length > maxLength) return refused(`longer than ${maxLength} characters`, false)
      limitLookup(request)
      const hash = sha256Hex(key)
      return andThen(options.find(hash), (identity) =>
        identity === null || identity === undefined
          ? refused('unknown', false)
          : (living(options, hash, identity) ?? refused('over', true)),
      )
    },
    { schemes: schemesOf(options), limitsLookups: true },
  )
}

/** The key of a handshake, if there is one with our prefix. */
function keyOf({ credentials }: AuthRequest, prefix: string | undefined): string | null {
  if (prefix === undefined) return credentials.of('key')
  const value = credentials.of('key') ?? credentials.of('bearer')
  return value?.startsWith(prefix) === true ? value : null
}

/** The identity of a key, unless it has ended. */
function living<U>(options: ApiKeyOptions<U>, hash: string, identity: Identity<U>): Identity<U> | null {
  const { expires } = identity
  // an invalid date must end the key, so the comparison is negated
  if (expires !== undefined && !(expires.getTime() > (options.clock ?? systemClock).now())) return null
  return { token: hash.slice(0, 32), ...identity, renew: () => again(options, hash) }
}

function again<U>(options: ApiKeyOptions<U>, hash: string): Awaitable<Identity<U> | null> {
  return andThen(options.find(hash), (identity) =>
    identity === null || identity === undefined ? null : living(options, hash, identity),
  )
}

function refused(why: string, genuine: boolean): Denial {
  return new Denial(401, 'invalid-key', 'the API key is not valid', {
    challenge: 'Bearer error="invalid_token"',
    detail: `the key is ${why}`,
    genuine,
  })
}

function schemesOf<U>({ prefix, header = 'X-API-Key' }: ApiKeyOptions<U>): readonly SecurityScheme[] {
  const inHeader: SecurityScheme = {
    type: 'httpApiKey',
    in: 'header',
    name: header,
    description: 'An API key.',
  }
  if (prefix === undefined) return [inHeader]
  return [
    inHeader,
    {
      type: 'http',
      scheme: 'bearer',
      description: `An API key, which begins with ${prefix}, as a bearer token.`,
    },
  ]
}
