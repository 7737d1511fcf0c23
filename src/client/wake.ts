/** The events of a platform for a network or a page that is back. */
export interface WakeScope {
  addEventListener?(type: string, run: () => void): void
  removeEventListener?(type: string, run: () => void): void
  readonly document?: {
    readonly visibilityState: string
    addEventListener(type: string, run: () => void): void
    removeEventListener(type: string, run: () => void): void
  }
}

/**
 * Calls `run` when the network is back (`online`) or the page is visible again (`visibilitychange`). On a
 * platform without these events, such as Node, it is never called.
 *
 * @returns a function that stops it
 */
export function onWake(run: () => void, scope: WakeScope): () => void {
  const { document } = scope
  const seen = (): void => {
    if (document?.visibilityState === 'visible') run()
  }
  scope.addEventListener?.('online', run)
  document?.addEventListener('visibilitychange', seen)
  return () => {
    scope.removeEventListener?.('online', run)
    document?.removeEventListener('visibilitychange', seen)
  }
}
