/** Checks whose absence changes nothing that can be seen, each with the reason. */
export const accepted: ReadonlyMap<string, string> = new Map([])
