/**
 * The result of your look-ups: the thing, or `null` or `undefined` when there is none; at once or by a
 * promise.
 */
export type Found<T> = LookupAnswer<T> | Promise<LookupAnswer<T>>

type LookupAnswer<T> = T | null | undefined
