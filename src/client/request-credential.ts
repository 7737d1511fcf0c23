import { SallyportError } from '../wire/errors.ts'
import type { Refusal } from '../wire/frame.ts'
import { isRecord } from '../wire/json.ts'
import type { Clock } from '../wire/clock.ts'
import type { CredentialRequest, Carried, CredentialSource } from './credentials.ts'
import { refusalOf } from './refusal.ts'

/** The result of a request: a credential, a refusal that stops the client, or a failure that is retried. */
export type CredentialAnswer =
  | { readonly carried: Carried }
  | { readonly refusal: Refusal }
  | { readonly error: unknown; readonly retryAfterMs: number }

/** How long a credential may take. */
const patienceMs = 10_000

/** A request for a credential, and the attempt that it belongs to. */
export interface CredentialAttempt extends Omit<CredentialRequest, 'signal'> {
  readonly attempt: AbortController
  readonly clock: Clock
}

/**
 * Requests a credential, within 10 s. An error of the application is passed to its own reporter alone,
 * because it may hold the secret.
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
    return { refusal: { status: 401, code: 'signed-out', message: 'the user is signed out' } }
  } catch (error) {
    return sorted(error)
  } finally {
    timer.cancel()
  }
}

/** Rejects when the signal is aborted, for credentials that ignore it. */
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
