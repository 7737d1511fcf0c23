import { compactVerify, errors } from 'jose'
import { limitLookup } from '../core/access/limit-lookup.ts'
import type { AuthRequest } from '../core/api/handshake.ts'
import type { Awaitable } from '../core/runtime/awaitable.ts'
import type { CompactToken, TokenHeader } from './compact-token.ts'
import { InvalidToken } from './invalid-token.ts'
import type { KeySource } from './jwks.ts'

/**
 * Tells whether a configured key has signed a token, in this turn if it can: `null` when one has, otherwise
 * why the token is refused.
 *
 * @param request whose lookups are limited: keys that are not at hand may be fetched for it; `null` where no
 * handshake asks
 * @throws the error of the source of keys, which says nothing about the token
 */
export interface Verify {
  (token: CompactToken, header: TokenHeader, request: AuthRequest | null): Awaitable<InvalidToken | null>
}

/** How many keys are tried for a token that does not name its key. */
const maxCandidates = 8

/** Verifies with the public keys of a source. The header only chooses among them. */
export function signatureVerifier(source: KeySource): Verify {
  return async (token, header, request) => {
    const keys = await source.find(header, () => {
      if (request !== null) limitLookup(request)
    })
    if (keys.length > maxCandidates)
      return new InvalidToken('the token does not name its key, and too many keys are possible')
    for (const { key } of keys) if (await isSignedBy(token, header, key)) return null
    return new InvalidToken(
      keys.length === 0 ? 'no configured key has this name and algorithm' : 'the signature is wrong',
    )
  }
}

async function isSignedBy(
  { text }: CompactToken,
  { alg }: TokenHeader,
  key: Parameters<typeof compactVerify>[1],
): Promise<boolean> {
  try {
    await compactVerify(text, key, { algorithms: [alg] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}
