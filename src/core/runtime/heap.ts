/** An entry of a heap: the one with the smallest `due` comes first. It changes only while the entry is in no heap. */
export interface Due {
  readonly due: number
}

/** Adds an entry: O(log n), and O(1) for an entry that is due after all others. */
export function push<T extends Due>(heap: T[], entry: T): void {
  let index = heap.length
  heap.push(entry)
  while (index > 0) {
    const above = (index - 1) >> 1
    const parent = heap[above]
    if (parent === undefined || parent.due <= entry.due) break
    heap[index] = parent
    index = above
  }
  heap[index] = entry
}

/** Takes the first entry out: O(log n). It does nothing to an empty heap. */
export function pop(heap: Due[]): void {
  const last = heap.pop()
  if (last !== undefined && heap.length > 0) sink(heap, last, 0)
}

/** Puts an entry at an index, or below it when entries there are due sooner. */
function sink<T extends Due>(heap: T[], entry: T, place: number): void {
  let index = place
  for (;;) {
    const left = heap[2 * index + 1]
    const right = heap[2 * index + 2]
    const isRight = left !== undefined && right !== undefined && right.due < left.due
    const child = isRight ? right : left
    if (child === undefined || child.due >= entry.due) break
    heap[index] = child
    index = 2 * index + (isRight ? 2 : 1)
  }
  heap[index] = entry
}

/** Makes a heap of an array, in place: O(n). */
export function heaped<T extends Due>(list: T[]): T[] {
  for (let index = (list.length >> 1) - 1; index >= 0; index--) {
    const entry = list[index]
    if (entry !== undefined) sink(list, entry, index)
  }
  return list
}
