import type { Message } from './contract.ts'

/** The messages of a room that this page knows, oldest first and without a gap. */
export interface MessageLog {
  readonly messages: readonly Message[]
  /** Whether the first one is the first of the room. */
  readonly complete: boolean
}

/** Nothing is known yet. */
export const emptyLog: MessageLog = { messages: [], complete: false }

/** The log after one more message was heard; hearing it twice changes nothing. */
export function withNew(log: MessageLog, message: Message): MessageLog {
  return { ...log, messages: merged(log.messages, [message]) }
}

/** The log after the page before its first message has come; an empty page says that there is nothing before. */
export function withOlder(log: MessageLog, page: readonly Message[]): MessageLog {
  return { messages: merged(page, log.messages), complete: page.length === 0 }
}

/**
 * The log after a line was opened and the latest page has come. When more was said meanwhile than a page holds, what is
 * older than the page is forgotten, so that no gap stays hidden in the middle; scrolling up brings it back.
 *
 * @param newest the id of the newest message that was known when the line opened, `null` for none
 */
export function withLatest(log: MessageLog, page: readonly Message[], newest: string | null): MessageLog {
  const first = page[0]
  if (first === undefined) return { ...log, complete: log.messages.length === 0 }
  const joins = newest === null || first.id <= newest
  const kept = joins ? log.messages : log.messages.filter(({ id }) => id >= first.id)
  return { messages: merged(kept, page), complete: joins && log.complete }
}

/** The id of the newest message; `null` in an empty log. */
export function newestOf({ messages }: MessageLog): string | null {
  return messages.at(-1)?.id ?? null
}

/** Ids sort by time. */
function merged(some: readonly Message[], others: readonly Message[]): readonly Message[] {
  const byId = new Map([...some, ...others].map((message) => [message.id, message]))
  return [...byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
