import { contract, text } from 'sallyport'
import { z } from 'zod'

const said = z.object({ text: z.string() })
const arms = Array.from({ length: 20 }, (_, at) =>
  z.strictObject({ kind: z.literal(`kind-${at}`), by: z.string() }),
)

/** Handlers wait for a quarter of a second, as for a database. */
export const slow = contract('/ws/slow/:room', { client: { say: said }, server: { said } })
/** Handlers answer at once, to everyone in the room. */
export const room = contract('/ws/room/:room', { client: { say: said }, server: { said } })
/** What does not fit is for the validator to find. */
export const lists = contract('/ws/lists', { client: z.array(z.string()), server: text })
/** Each item is held against 20 objects, because no field is said to tell them apart. */
export const union = contract('/ws/union', { client: z.array(z.union(arms)), server: text })
/** As many members as a client likes. */
export const records = contract('/ws/records', {
  client: z.record(z.string(), z.union([z.string(), z.boolean()])),
  server: text,
})
/** The same, copied by the validator, to handlers that wait. */
export const sparse = contract('/ws/sparse', {
  client: z.array(z.record(z.string(), z.number())),
  server: text,
})
/** Everyone sees who is here. */
export const crowd = contract('/ws/crowd', { presence: z.object({ name: z.string() }), server: text })
/** A first state of 24 MB. */
export const large = contract('/ws/large', { server: text })
/** Where the strangers talk, who have nothing to do with the others. */
export const echo = contract('/ws/echo', { client: text, server: text })
