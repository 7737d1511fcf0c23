import { useState } from 'react'
import { type Receipt, receiptWords } from '../http/receipt.ts'
import { useAction } from '../http/use-action.ts'

/** The actions of an administrator on a person, one after another, and their results. */
export interface Deeds {
  readonly busy: boolean
  readonly failure: string | null
  /** What was done last, with its receipt in words. */
  readonly done: string | null
  /** Does it and says what came of it, or why it has failed. */
  run(words: string, deed: () => Promise<Receipt>): Promise<void>
  /** The same, but throws why it has failed: for a dialog that says it itself. */
  attempt(words: string, deed: () => Promise<Receipt>): Promise<void>
}

/** @param reload reads again what the deed has changed */
export function useDeeds(reload: () => Promise<void>): Deeds {
  const { busy, failure, run } = useAction()
  const [done, setDone] = useState<string | null>(null)
  const attempt = async (words: string, deed: () => Promise<Receipt>): Promise<void> => {
    setDone(null)
    const receipt = await deed()
    setDone(`${words} ${receiptWords(receipt)}`)
    await reload()
  }
  return {
    busy,
    failure,
    done,
    attempt,
    async run(words, deed) {
      await run(() => attempt(words, deed))
    },
  }
}
