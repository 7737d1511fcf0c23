import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()

/** The path of the page that is shown; changes with {@link navigate} and with the browser's back and forward. */
export function useLocation(): string {
  return useSyncExternalStore(subscribe, () => location.pathname)
}

/** Goes to another page of ours without loading it anew. */
export function navigate(path: string): void {
  if (path === location.pathname) return
  history.pushState(null, '', path)
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    removeEventListener('popstate', listener)
  }
}
