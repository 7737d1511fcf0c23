/** One kind of stories: told by number, each from a seed, until so many are told. */
export interface Campaign {
  readonly name: string
  /** How many stories are told at once. */
  readonly atOnce: number
  /** Tells the story of this number. @throws Error that says how to tell it again, when something was found */
  tell(index: number): Promise<string>
  /** Ends what the stories ran on. @throws Error when that is not as it was at the beginning */
  end(): Promise<void>
}

/** What came of a campaign. */
export interface Findings {
  readonly runs: number
  readonly seconds: number
  /** How often each outcome was met. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly found: readonly string[]
}

/** How far a campaign goes. */
export interface Bounds {
  readonly from?: number
  readonly runs: number
  readonly progress?: (told: number) => void
}

const mostFound = 20

/** Tells so many stories, and stops early when a good number of faults was found. */
export async function campaign(stories: Campaign, { from = 0, runs, progress }: Bounds): Promise<Findings> {
  const outcomes = new Map<string, number>()
  const found: string[] = []
  const began = performance.now()
  let next = from
  const teller = async (): Promise<void> => {
    while (next < from + runs && found.length < mostFound) {
      const index = next++
      try {
        const outcome = await stories.tell(index)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      } catch (error) {
        found.push(error instanceof Error ? error.message : String(error))
      }
      progress?.(index + 1 - from)
    }
  }
  await Promise.all(Array.from({ length: stories.atOnce }, teller))
  await stories.end().catch((error: unknown) => found.push(String(error)))
  return { runs: next - from, seconds: (performance.now() - began) / 1_000, outcomes, found }
}
