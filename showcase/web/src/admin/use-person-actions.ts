import { useState } from 'react'
import { type Receipt, receiptWords } from '../http/receipt.ts'
import { type ActionState, useAction } from '../http/use-action.ts'

/** The actions of an administrator on a person, one after another, and their results. */
export interface PersonActions extends ActionState {
  /** Does it and says what came of it, or why it has failed. */
  run(words: string, action: () => Promise<Receipt>): Promise<void>
  /** The same, but throws why it has failed: for a dialog that says it itself. */
  attempt(words: string, action: () => Promise<Receipt>): Promise<void>
}

/** @param reload reads again what the action has changed */
export function usePersonActions(reload: () => Promise<void>): PersonActions {
  const { run, ...state } = useAction()
  // the receipt is shown before the reload, and also when the reload fails
  const [done, setDone] = useState<string | null>(null)
  const attempt = async (words: string, action: () => Promise<Receipt>): Promise<void> => {
    setDone(null)
    const receipt = await action()
    setDone(`${words} ${receiptWords(receipt)}`)
    await reload()
  }
  return {
    ...state,
    done,
    attempt,
    async run(words, action) {
      await run(() => attempt(words, action))
    },
  }
}
