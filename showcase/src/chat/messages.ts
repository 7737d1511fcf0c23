import type { Database } from '../database/database.ts'
import { timeIds } from '../database/time-ids.ts'

/** One message as rooms show it. */
export interface Message {
  /** Sorts by time, and is the cursor of pages. */
  readonly id: string
  /** The author's name. */
  readonly from: string
  /** The author's id. */
  readonly by: string
  readonly text: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** A page of messages, oldest first. */
export interface Page {
  readonly messages: readonly Message[]
  /** Give it as `before` for the page that comes earlier; `null` on the first page of a room. */
  readonly before: string | null
}

/** The most messages that one page holds. */
export const pageSize = 50

/** What was said. Who may read or write is asked before, not here. */
export interface Messages {
  save(room: string, author: { readonly id: string; readonly name: string }, text: string): Promise<Message>
  page(room: string, before?: string): Promise<Page>
}

/** Messages in the database. */
export function messages({ query }: Database, now: () => number = Date.now): Messages {
  const ids = timeIds(now)
  return {
    async save(room, author, text) {
      const { id, at } = ids()
      await query.insertInto('messages').values({ id, room, author: author.id, text, at }).execute()
      return { id, from: author.name, by: author.id, text, at }
    },
    async page(room, before) {
      const rows = await query
        .selectFrom('messages')
        .leftJoin('user', 'user.id', 'messages.author')
        .select(['messages.id', 'messages.text', 'messages.at', 'messages.author', 'user.name'])
        .where('messages.room', '=', room)
        .$if(before !== undefined, (q) => q.where('messages.id', '<', before ?? ''))
        .orderBy('messages.id', 'desc')
        .limit(pageSize + 1)
        .execute()
      const page = rows
        .slice(0, pageSize)
        .toReversed()
        .map(({ id, text, at, author, name }) => ({
          id,
          from: name ?? 'someone who left',
          by: author,
          text,
          at: Number(at),
        }))
      return { messages: page, before: rows.length > pageSize ? (page[0]?.id ?? null) : null }
    },
  }
}
