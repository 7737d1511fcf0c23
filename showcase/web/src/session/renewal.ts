/** What tabs tell each other. */
export type TabMessage = 'changed' | 'renewing'

const longestMs = 5_000

/** A new session that is on its way to this browser. */
export interface Renewal {
  /** One has been asked for, here or in another tab. */
  begin(): void
  /** It has come, or will not. */
  end(): void
  /** Settles when none is on its way; after 5 s at the latest, for a tab may be closed in between. */
  settled(): Promise<void>
}

/** Keeps those apart who are signed out from those whose session is being replaced. */
export function renewal(): Renewal {
  let pending: PromiseWithResolvers<void> | null = null
  const end = (): void => {
    pending?.resolve()
    pending = null
  }
  return {
    begin() {
      const begun = (pending ??= Promise.withResolvers<void>())
      setTimeout(() => begun.resolve(), longestMs)
    },
    end,
    settled: () => pending?.promise ?? Promise.resolve(),
  }
}
