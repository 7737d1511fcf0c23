import type { Channel } from 'sallyport/client'
import type { z } from 'zod'
import type { chat } from '../../../src/chat/contract.ts'

/** A chat room that was opened. */
export type ChatChannel = Channel<typeof chat>
/** What can be seen of it at one moment. */
export type ChatSnapshot = ReturnType<ChatChannel['snapshot']>
/** One message, as the server sends it. */
export type Message = z.output<typeof chat.server.said>
