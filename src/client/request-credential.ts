import { SallyportError } from '../wire/errors.ts'
import type { Refusal } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'
import type { Clock } from '../wire/clock.ts'
import type { CredentialRequest, Carried, CredentialSource } from './credentials.ts'
import { refusalOf } from './refusal.ts'

/**
 * What came of asking: something to carry, a refusal that stops the client, or a failure that is tried again.
 */
export type CredentialAnswer =
  | { readonly carried: Carried }
  | { readonly refusal: Refusal }
  | { readonly error: unknown; readonly retryAfterMs: number }

/** How long a credential may take. */
const patienceMs = 10_000

/** One question: what is asked for, and the attempt that it belongs to. */
export interface CredentialAttempt extends Omit<CredentialRequest, 'signal'> {
  readonly attempt: AbortController
  readonly clock: Clock
}

/**
 * Asks for a credential, within 10 s. What the application threw is repeated to nobody but its own reporter:
 * it may hold the secret.
 */
export async function requestCredential(
  credentials: CredentialSource,
  { attempt, clock, ...asking }: CredentialAttempt,
): Promise<CredentialAnswer> {
  const { signal } = attempt
  const late = (): void => attempt.abort(new SallyportError('ERR_TIMEOUT', 'no credential came in time'))
  const timer = clock.after(patienceMs, late)
  try {
    const carried = await Promise.race([credentials({ ...asking, signal }), aborted(signal)])
    if (carried !== null) return { carried }
    return { refusal: { status: 401, code: 'signed-out', message: 'nobody is signed in' } }
  } catch (error) {
    return sorted(error)
  } finally {
    timer.cancel()
  }
}

/** Rejects once the signal is aborted, for credentials that do not look at it. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

function sorted(error: unknown): CredentialAnswer {
  const { status, reason, retryAfterMs } = isRecord(error) ? error : {}
  if (status !== 401 && status !== 403) return { error, retryAfterMs: Number(retryAfterMs) || 0 }
  return {
    refusal: refusalOf({ status, code: reason ?? 'signed-out', message: 'the credential was refused' }),
  }
}
