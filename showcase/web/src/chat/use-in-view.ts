import { type RefObject, useEffect } from 'react'

/** Calls back whenever an element comes into view, while it is wanted. */
export function useInView(element: RefObject<Element | null>, wanted: boolean, seen: () => void): void {
  useEffect(() => {
    const { current } = element
    if (current === null || !wanted) return undefined
    const observer = new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) seen()
    })
    observer.observe(current)
    return () => observer.disconnect()
  }, [element, wanted, seen])
}
