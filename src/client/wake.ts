/** Where the platform tells that the network or the page is back. */
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
 * Calls back when the network is back (`online`) or the page is looked at again after a sleep
 * (`visibilitychange`). Where there is neither, as in Node, it never does.
 *
 * @returns how to stop it
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
