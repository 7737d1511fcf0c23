import { Denial } from '../../wire/errors.ts'
import type { Authenticator, AuthenticatorTraits, AuthRequest } from '../api/handshake.ts'
import type { Identity } from '../api/identity.ts'
import { type Awaitable, isThenable } from '../runtime/awaitable.ts'

/** The answer of an authenticator: an identity, a refusal, or `null` for a credential of another kind. */
export type AuthenticatorAnswer<U> = Identity<U> | Denial | null

/** An authenticator whose refusals are values: it throws only errors that say nothing about the credential. */
export type AuthenticatorFunction<U> = (request: AuthRequest) => Awaitable<AuthenticatorAnswer<U>>

/** An authenticator of this package, as the engine asks it. */
interface OwnAuthenticator<U> {
  readonly ask: AuthenticatorFunction<U>
  /** Whether it asks other authenticators, which the engine then asks one by one. */
  readonly isComposite: boolean
}

/** Not a property of the function: a wrapper that copies or forwards properties must be asked itself. */
const ownAuthenticators = new WeakMap<Authenticator<unknown>, OwnAuthenticator<unknown>>()

/**
 * Makes an authenticator of a function whose refusals are values. An application that calls the authenticator
 * itself gets a refusal as an exception. A wrapper that spreads an answer into an identity of its own would
 * otherwise make an identity of a refusal.
 */
export function authenticatorOf<U, T extends AuthenticatorTraits>(
  ask: AuthenticatorFunction<U>,
  traits: T,
  isComposite = false,
): Authenticator<U> & T {
  const authenticator = Object.assign((request: AuthRequest) => orThrown(ask(request)), traits)
  ownAuthenticators.set(authenticator, { ask, isComposite })
  return authenticator
}

/** An authenticator as {@link authenticatorOf} made it; `undefined` for one of an application. */
export function ownAuthenticatorOf<U>(authenticator: Authenticator<U>): OwnAuthenticator<U> | undefined {
  // the entry of an authenticator of U was made with a function of U
  return ownAuthenticators.get(authenticator) as OwnAuthenticator<U> | undefined
}

function orThrown<U>(answer: Awaitable<AuthenticatorAnswer<U>>): Awaitable<Identity<U> | null> {
  return isThenable(answer) ? answer.then(orThrow) : orThrow(answer)
}

/** A result that is no refusal. @throws Denial the refusal */
export function orThrow<T>(result: T | Denial): T {
  if (result instanceof Denial) throw result
  return result
}
