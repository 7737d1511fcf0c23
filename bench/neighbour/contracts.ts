import { contract, text } from 'sallyport'
import { z } from 'zod'

const said = z.object({ text: z.string() })

/** Handlers wait for a quarter of a second, as for a database. */
export const slow = contract('/ws/slow/:room', { client: { say: said }, server: { said } })
/** Handlers answer at once, to everyone in the room. */
export const room = contract('/ws/room/:room', { client: { say: said }, server: { said } })
/** What does not fit is for the validator to find. */
export const lists = contract('/ws/lists', { client: z.array(z.string()), server: text })
/** Everyone sees who is here. */
export const crowd = contract('/ws/crowd', { presence: z.object({ name: z.string() }), server: text })
/** A first state of 24 MB. */
export const large = contract('/ws/large', { server: text })
/** Where the stranger talks, who has nothing to do with the others. */
export const echo = contract('/ws/echo', { client: text, server: text })
