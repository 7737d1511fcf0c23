import { expect, test } from 'vitest'
import { campaign } from './campaign.ts'
import { socketCampaign } from './sockets.ts'

// `npm run fuzz -- --sockets 10000` tells the same stories for as long as one likes
test('300 odd connections end in time, let no user in without a key, and disturb no other one', async () => {
  const { found, outcomes } = await campaign(await socketCampaign(20_261_126), { runs: 300 })
  expect(found).toEqual([])
  for (const outcome of ['101, in by key', '400', '401', 'reset'])
    expect(outcomes.get(outcome), outcome).toBeGreaterThan(0)
})
