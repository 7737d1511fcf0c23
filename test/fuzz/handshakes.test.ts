import { expect, test } from 'vitest'
import { campaign } from './campaign.ts'
import { handshakeCampaign } from './handshakes.ts'

// `npm run fuzz -- --handshakes 1000000` tells the same stories for as long as one likes
test('four thousand odd requests without a key let no user in, report nothing and leave nothing', async () => {
  const { found, outcomes } = await campaign(await handshakeCampaign(20_261_126), { runs: 4_000 })
  expect(found).toEqual([])
  for (const outcome of [
    '101, in by key',
    '101, in by token',
    '101, in by cookie',
    '400',
    '401',
    '403',
    '426',
  ])
    expect(outcomes.get(outcome), outcome).toBeGreaterThan(0)
})
