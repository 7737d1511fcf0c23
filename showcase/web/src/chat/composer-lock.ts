import { sentence } from '../live/connection-words.ts'
import type { ChatSnapshot } from './contract.ts'

/** Why nothing can be sent now. */
export interface ComposerLock {
  readonly reason: string
  /** Whether one may go on writing a draft: it ends by itself. */
  readonly temporary: boolean
}

/**
 * What stands between a person and their next message; `null` for nothing.
 *
 * @param online whether this machine has a network at all: a line is found out to be dead only by its silence
 */
export function composerLock(
  {
    state,
    grant,
    denial = null,
  }: Pick<ChatSnapshot, 'state' | 'grant'> & Partial<Pick<ChatSnapshot, 'denial'>>,
  online: boolean,
): ComposerLock | null {
  if (!online && state === 'open' && grant?.canWrite === true)
    return { reason: 'No network: your draft stays here until there is one.', temporary: true }
  if (state === 'open') return grant === undefined || !grant.canWrite ? readOnly(grant?.role) : null
  if (state === 'connecting')
    return { reason: 'Connecting: sending is possible in a moment.', temporary: true }
  if (state === 'waiting')
    return { reason: 'Offline: your draft stays here until the line is back.', temporary: true }
  const reason = denial === null ? 'This room is closed to you.' : sentence(denial.message)
  return { reason, temporary: false }
}

function readOnly(role: string | undefined): ComposerLock {
  return {
    reason:
      role === 'reader'
        ? 'You are a reader in this room: you may read, but not write.'
        : 'This room is read-only: only its owners write.',
    temporary: false,
  }
}
