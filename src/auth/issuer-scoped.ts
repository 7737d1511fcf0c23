/**
 * The name of a session, a token or a subject within its issuer, `<issuer>#<id>`: two issuers may use one id, and no id
 * of one issuer makes a name of another. `%` and `#` of the issuer are percent-encoded.
 *
 * @example await port.revoke({ session: issuerScoped('https://id.example', sid), reason: 'signed out' })
 */
export function issuerScoped(issuer: string, id: string): string {
  return `${issuer.replace(/[%#]/g, encodeURIComponent)}#${id}`
}
