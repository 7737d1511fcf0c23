import { expect, test } from 'vitest'
import { campaign } from './campaign.ts'
import { tokenCampaign } from './token-verdicts.ts'

// `npm run fuzz -- --tokens 1000000` tells the same stories for as long as one likes
test('two thousand odd tokens get the verdict of jose, or that of a stricter rule', async () => {
  const { found, outcomes } = await campaign(await tokenCampaign(20_261_126), { runs: 2_000 })
  expect(found).toEqual([])
  expect(outcomes.get('accepted')).toBeGreaterThan(400)
  expect(outcomes.get('refused')).toBeGreaterThan(400)
  expect(outcomes.size).toBeGreaterThan(6)
})
