import { memory } from '../../src/layers/memory.ts'
import { testClock } from '../../src/testing/clock.ts'
import { layerConformance } from './conformance.ts'

layerConformance('memory', async () => {
  const clock = testClock()
  const layer = memory({ clock })
  return { layer: async () => layer, pass: (ms) => clock.advance(ms), stop: async () => {} }
})
