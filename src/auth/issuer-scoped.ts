import { assertKind, aText } from '../wire/options.ts'

/**
 * The name of a session, a token or a subject within its issuer, `<issuer>#<id>`. Two issuers may use one id,
 * and no id of one issuer gives a name of another. `%` and `#` of the issuer are percent-encoded.
 *
 * @throws TypeError when one of them is no name
 * @example await server.revoke({ session: issuerScoped('https://id.example', sid), reason: 'signed out' })
 */
export function issuerScoped(issuer: string, id: string): string {
  assertKind('the issuer of issuerScoped()', issuer, aText)
  assertKind('the id of issuerScoped()', id, aText)
  return `${issuer.replace(/[%#]/g, encodeURIComponent)}#${id}`
}
