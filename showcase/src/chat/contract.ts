import { contract, event } from 'sallyport/contract'
import { z } from 'zod'

/** One message of a room, the same over the socket and over HTTP. */
const message = z.object({
  /** Sorts by time, and is the cursor of the history. */
  id: z.string().max(64),
  /** The author's name, as others see it; two people may share one. */
  from: z.string().max(128),
  /** The author's id, which is unique. */
  by: z.string().max(64),
  text: z.string().max(2000),
  /** Milliseconds since 1970. */
  at: z.number(),
})

/** The id of a message, as the history is asked from it. */
export const messageId = z.string().regex(/^[0-9a-f]{1,64}$/, 'must be the id of a message')

/**
 * The chat: what both ends of `/ws/chat/:room` agree on. This file is shared with the pages and imports
 * nothing of the server.
 */
export const chat = contract('/ws/chat/:room', {
  client: {
    say: z.object({ text: z.string().trim().min(1).max(2000) }),
    typing: z.object({}),
  },
  server: {
    said: message,
    typing: event(z.object({ from: z.string().max(128), by: z.string().max(64) }), {
      keep: false,
      slow: 'drop',
    }),
  },
  calls: {
    /**
     * Up to 50 messages before one of them, or the latest; oldest first, empty at the beginning of the room.
     */
    history: { input: z.object({ before: messageId.optional() }), output: z.array(message).max(50) },
  },
  grant: z.object({ canWrite: z.boolean(), role: z.enum(['owner', 'member', 'reader']) }),
  presence: z.object({ name: z.string().max(128) }),
  history: { size: 100, for: '5m' },
})
