/** What somebody has begun to write, by person and room: it outlives a door that closes and a look into another room. */
const drafts = new Map<string, string>()

/** The draft of a person in a room; empty when there is none. */
export function draftOf(user: string, room: string): string {
  return drafts.get(keyOf(user, room)) ?? ''
}

/** Keeps a draft in the memory of this page, and nowhere else. */
export function keepDraft(user: string, room: string, text: string): void {
  if (text === '') drafts.delete(keyOf(user, room))
  else drafts.set(keyOf(user, room), text)
}

function keyOf(user: string, room: string): string {
  return `${user}/${room}`
}
