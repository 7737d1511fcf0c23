import type { MouseEvent } from 'react'
import { navigate } from './location.ts'

/**
 * For the `onClick` of a real link: goes there without a page load, but leaves new tabs, new windows and downloads to
 * the browser.
 *
 * @example <Anchor href="/chat" onClick={follow}>Chat</Anchor>
 */
export function follow(event: MouseEvent<HTMLAnchorElement>): void {
  const { button, metaKey, ctrlKey, shiftKey, altKey, currentTarget } = event
  if (event.defaultPrevented || button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return
  event.preventDefault()
  navigate(currentTarget.pathname)
}
