import { expect, test } from 'vitest'
import { campaign } from './campaign.ts'
import { frameCampaign } from './frames.ts'

// `npm run fuzz -- --frames 100000` tells the same stories for as long as one likes
test('conversations cut at every byte are heard like whole ones, and broken ones end alike', async () => {
  const { found, outcomes } = await campaign(await frameCampaign(20_261_126), { runs: 150 })
  expect(found).toEqual([])
  for (const outcome of ['good: message', 'good: closed 1000', 'odd: broken 1002'])
    expect(outcomes.get(outcome), outcome).toBeGreaterThan(0)
})
