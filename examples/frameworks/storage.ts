// Sessions for frameworks that leave it to a site where they are kept: in memory here. The end of one ends its sockets.
import { fingerprint } from 'sallyport/auth/sessions'

/** What a session holds; the framework adds its end. */
export type StoredSession = { readonly userId?: string; readonly _expire?: number }

export interface Storage {
  /** A session with the name that a revocation takes: its id is a secret. */
  get(id: string): Promise<(StoredSession & { readonly name: string }) | null>
  set(id: string, session: StoredSession): Promise<void>
  end(id: string): Promise<void>
}

/** @param revoke is told the name of each session that has ended */
export function storage(revoke: (name: string) => Promise<unknown>): Storage {
  const kept = new Map<string, StoredSession & { readonly name: string }>()
  return {
    get: async (id) => kept.get(id) ?? null,
    set: async (id, session) => void kept.set(id, { ...session, name: fingerprint(id) }),
    async end(id) {
      // that other nodes could not be told is reported by the port
      if (kept.delete(id)) await revoke(fingerprint(id)).catch(() => {})
    },
  }
}
