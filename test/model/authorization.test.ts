import fc from 'fast-check'
import { expect, test } from 'vitest'
import { step } from './steps.ts'
import { World } from './world.ts'

/** How many stories are told: some in every run, as many as you like by hand. */
const stories = Number(process.env['SALLYPORT_STORIES'] ?? 500)

test('whatever happens in whatever order, nobody hears or says anything without the right to', async () => {
  const happened: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 50, size: 'max' }), async (story) => {
      const world = new World()
      for (const one of story) {
        await world.carryOut(one)
        await world.agree()
      }
      await world.silence()
      for (const [what, often] of Object.entries(world.happened))
        happened[what] = (happened[what] ?? 0) + often
    }),
    { numRuns: stories },
  )
  for (const often of Object.values(happened)) expect(often).toBeGreaterThan(stories / 4)
}, 1_200_000)
