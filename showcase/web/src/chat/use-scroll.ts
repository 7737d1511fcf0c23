import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react'

/** How near to its end a list counts as being at its end. */
const nearPx = 48

/**
 * Keeps a list where its reader is: at the end when they are there, and at the same message when older ones come in
 * above it.
 *
 * @param first the id of the first message
 * @param last the id of the last message
 */
export function useScroll(
  list: RefObject<HTMLElement | null>,
  { first, last }: { readonly first: string | undefined; readonly last: string | undefined },
): void {
  const before = useRef({ first, height: 0, atEnd: true })

  useLayoutEffect(() => {
    const { current } = list
    if (current === null) return
    const { first: oldFirst, height, atEnd } = before.current
    if (atEnd) current.scrollTop = current.scrollHeight
    else if (first !== oldFirst) current.scrollTop += current.scrollHeight - height
    before.current = { first, height: current.scrollHeight, atEnd }
  }, [list, first, last])

  useEffect(() => {
    const { current } = list
    if (current === null) return undefined
    const moved = (): void => {
      const { scrollTop, scrollHeight, clientHeight } = current
      before.current = { ...before.current, atEnd: scrollHeight - scrollTop - clientHeight < nearPx }
    }
    // also when the list itself changes its height, such as when a phone's keyboard opens
    const resized = new ResizeObserver(() => {
      if (before.current.atEnd) current.scrollTop = current.scrollHeight
    })
    current.addEventListener('scroll', moved, { passive: true })
    resized.observe(current)
    return () => {
      current.removeEventListener('scroll', moved)
      resized.disconnect()
    }
  }, [list])
}
