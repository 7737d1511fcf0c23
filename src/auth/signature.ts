import { compactVerify, errors } from 'jose'
import type { CompactToken } from './compact-token.ts'
import { invalid } from './invalid-token.ts'
import type { KeySource } from './jwks.ts'

/**
 * Verifies that a configured key has signed the token, in this turn if it can.
 *
 * @param beforeLookup called before keys are fetched that are not at hand; its error is passed on
 * @throws InvalidToken when no key has
 */
export type Verify = (token: CompactToken, beforeLookup: () => void) => void | Promise<void>

/** How many keys are tried for a token that does not name its key. */
const maxCandidates = 8

/** Verifies with the public keys of a source. The header only chooses among them. */
export function signatureVerifier(source: KeySource): Verify {
  return async (token, beforeLookup) => {
    const keys = await source.find(token, beforeLookup)
    if (keys.length > maxCandidates)
      invalid('the token does not name its key, and too many keys are possible')
    for (const { key } of keys) if (await isSignedBy(token, key)) return
    invalid(keys.length === 0 ? 'no configured key has this name and algorithm' : 'the signature is wrong')
  }
}

async function isSignedBy(token: CompactToken, key: Parameters<typeof compactVerify>[1]): Promise<boolean> {
  try {
    await compactVerify(token.text, key, { algorithms: [token.alg] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}
