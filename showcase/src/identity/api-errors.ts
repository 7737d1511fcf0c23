import { APIError } from 'better-auth/api'
import { deny } from 'sallyport'

/**
 * Runs something of the identity server's own interface, and refuses as this server does where that refuses.
 *
 * @throws Denial with the status and the words of the identity server; whatever else the work throws
 * @example await asDenial(() => identity.api.banUser({ headers, body }))
 */
export async function asDenial<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof APIError) || error.statusCode < 400) throw error
    const { code, message } = error.body ?? {}
    return deny(error.statusCode, word(code), message)
  }
}

/** `YOU_CANNOT_BAN_YOURSELF` as the short words of denials are written. */
function word(code: string | undefined): string {
  const short = (code ?? '').toLowerCase().replaceAll('_', '-').slice(0, 48)
  return /^[a-z][a-z0-9-]*$/.test(short) ? short : 'refused'
}
