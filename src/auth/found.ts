/** What a look-up of yours answers: the thing, or `null` or `undefined` when there is none; now or later. */
export type Found<T> = LookupAnswer<T> | Promise<LookupAnswer<T>>

type LookupAnswer<T> = T | null | undefined
