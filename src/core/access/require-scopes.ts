import { deny } from '../../wire/errors.ts'

/** RFC 6749 section 3.3: `scope-token`. */
const shape = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/**
 * A second door that asks for scopes: all of them, of the identity's own. Someone without one of them is
 * refused with 403 `missing-scope`, and told in `WWW-Authenticate` what it takes (RFC 6750 section 3.1). Who
 * came without scopes, as with a cookie, has none.
 *
 * @returns an `authorize`, which also can be called first in one of your own
 * @throws TypeError when there is no scope, or one cannot be written in a token
 * @example consumer(chat, { auth: bearer, authorize: requireScopes('chat:write') }, (socket) => ({ ... }))
 */
export function requireScopes(
  ...scopes: readonly [string, ...string[]]
): (question: { readonly scopes: readonly string[] }) => true {
  const isSound = scopes.length > 0 && scopes.every((scope) => typeof scope === 'string' && shape.test(scope))
  if (!isSound)
    throw new TypeError("requireScopes() takes scopes, such as 'chat:write': texts without spaces")
  const needed = scopes.join(' ')
  return (question) => {
    if (scopes.every((scope) => question.scopes.includes(scope))) return true
    return deny(403, 'missing-scope', `this needs the scope ${needed}`, {
      challenge: `Bearer error="insufficient_scope", scope="${needed}"`,
    })
  }
}
