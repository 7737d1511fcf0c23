/** The unsent text of a person in a room. It is kept when the socket is closed, and when the person looks into another room. */
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
