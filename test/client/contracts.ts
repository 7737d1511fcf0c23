import { z } from 'zod'
import { binary, contract, text } from '../../src/wire/contract.ts'

export const chat = contract('/ws/chat/:room', {
  client: { say: z.object({ text: z.string() }), typing: z.object({}) },
  server: { said: z.object({ from: z.string(), text: z.string() }), typing: z.object({ from: z.string() }) },
  calls: { history: { input: z.object({ before: z.string().optional() }), output: z.array(z.string()) } },
  grant: z.object({ canWrite: z.boolean() }),
})

export const article = contract('/ws/article', {
  client: z.object({ message: z.string() }),
  server: z.object({ message: z.string() }),
})

export const notes = contract('/ws/notes', { client: binary, server: binary })
export const log = contract('/ws/log', { client: text, server: text })
export const game = contract('/ws/game', { client: { input: binary }, server: { snapshot: binary } })
