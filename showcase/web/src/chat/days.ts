import type { Message } from './contract.ts'

/** The messages of one day. */
export interface Day {
  /** The local date, as a key. */
  readonly key: string
  /** Milliseconds since 1970 of its first message. */
  readonly at: number
  readonly messages: readonly Message[]
}

/** Messages by the day on which they were said, in this browser's time zone. */
export function days(messages: readonly Message[]): readonly Day[] {
  const byDay = Map.groupBy(messages, ({ at }) => new Date(at).toDateString())
  return [...byDay].map(([key, all]) => ({ key, at: all[0]?.at ?? 0, messages: all }))
}

/** Whether a message goes on with what its author said less than five minutes before. */
export function continues(message: Message, before: Message | undefined): boolean {
  return before?.by === message.by && message.at - before.at < 300_000
}
