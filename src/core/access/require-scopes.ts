import { deny } from '../../wire/errors.ts'

/** RFC 6749 section 3.3: `scope-token`. */
const shape = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/**
 * An authorization that requires scopes: all of them, among the scopes of the identity. A peer that lacks one
 * is refused with 403 `missing-scope`, and `WWW-Authenticate` names the required scopes (RFC 6750 section
 * 3.1). An identity without scopes, as one from a cookie, lacks them all.
 *
 * @returns an `authorize`, which can also be called first in one of your own
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
