import fc from 'fast-check'
import { expect, test } from 'vitest'
import { story } from './steps.ts'
import { ModelRun } from './model-run.ts'

/** How many stories are told: some in every run, as many as you like by hand. */
const stories = Number(process.env['SALLYPORT_STORIES'] ?? 500)

test('in any order of events, no user hears or says anything without the right to', async () => {
  const happened: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const run = new ModelRun()
      for (const one of steps) {
        await run.carryOut(one)
        await run.agree()
      }
      await run.silence()
      for (const [what, often] of Object.entries(run.happened)) happened[what] = (happened[what] ?? 0) + often
    }),
    { numRuns: stories },
  )
  const { either = 0, ...certain } = happened
  // a story in which nothing must happen, or must not, proves nothing
  for (const [what, often] of Object.entries(certain))
    expect([what, often]).toEqual([what, Math.max(often, Math.ceil(stories / 20))])
  expect(either).toBeLessThan((certain['cameIn'] ?? 0) / 4)
}, 1_200_000)
