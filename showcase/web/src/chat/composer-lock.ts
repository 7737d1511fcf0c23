import type { ChatSnapshot } from './contract.ts'

/** Why nothing can be sent now. */
export interface ComposerLock {
  readonly reason: string
  /** Whether one may go on writing a draft: it will pass. */
  readonly passing: boolean
}

/** What stands between a person and their next message; `null` for nothing. */
export function composerLock({ state, grant }: Pick<ChatSnapshot, 'state' | 'grant'>): ComposerLock | null {
  if (state === 'open') return grant === undefined || !grant.canWrite ? readOnly(grant?.role) : null
  if (state === 'connecting') return { reason: 'Connecting: sending is possible in a moment.', passing: true }
  if (state === 'waiting')
    return { reason: 'Offline: your draft stays here until the line is back.', passing: true }
  return { reason: 'This room is closed to you.', passing: false }
}

function readOnly(role: string | undefined): ComposerLock {
  return {
    reason:
      role === 'reader'
        ? 'You are a reader in this room: you may read, but not write.'
        : 'This room is read-only: only its owners write.',
    passing: false,
  }
}
