/**
 * A value now, or later by a promise. Every seam of the engine may answer in both ways. The engine awaits
 * promises alone, so that what is known at once is done at once, in the same turn.
 */
export type Awaitable<T> = T | Promise<T>

/**
 * A promise that has resolved: the answer of a public function that is done when it returns. The engine knows it, and
 * does not wait for it.
 */
export const alreadyDone: Promise<void> = Promise.resolve()

/**
 * Whether a value is a promise of any kind. Query builders return promises of their own, which run only when
 * they are awaited. The class alone does not tell: a package such as zone.js puts a class of its own in the place of `Promise`,
 * and async functions still return the one of the language.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value instanceof Promise) return true
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return 'then' in value && typeof value.then === 'function'
}

/** What follows from a value: at once where the value is there, otherwise when its promise has it. */
export function andThen<T, R>(value: Awaitable<T>, follow: (value: T) => Awaitable<R>): Awaitable<R> {
  if (value instanceof Promise) return value.then(follow)
  // of all that T may be, only a promise of some kind has a `then`
  return isThenable(value) ? later(value as PromiseLike<T>, follow) : follow(value)
}

async function later<T, R>(pending: PromiseLike<T>, follow: (value: T) => Awaitable<R>): Promise<R> {
  return follow(await pending)
}
