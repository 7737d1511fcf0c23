import { useCallback } from 'react'
import { chat } from '../../../src/chat/contract.ts'
import { type Live, useLive } from '../live/use-live.ts'
import type { OpenedChat } from './contract.ts'

/** Opens a room for as long as the component is there. */
export function useOpened(room: string): Live<OpenedChat> {
  return useLive(useCallback((app) => app.open(chat, { room }), [room]))
}
