/** What a look-up of yours answers: the thing, or `null` or `undefined` when there is none; now or later. */
export type Found<T> = Answer<T> | Promise<Answer<T>>

type Answer<T> = T | null | undefined
