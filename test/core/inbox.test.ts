import { expect, test } from 'vitest'
import { Inbox } from '../../src/core/inbox.ts'
import { defaultLimits } from '../../src/core/limits.ts'
import { settled } from '../../src/testing/clock.ts'

/** An inbox whose handler works for as long as it is told to. */
function busy() {
  const flow: string[] = []
  const inbox = new Inbox(defaultLimits.inbox, {
    pause: () => flow.push('pause'),
    resume: () => flow.push('resume'),
  })
  const ends: (() => void)[] = []
  inbox.start()
  const add = (count: number): void => {
    for (let one = 0; one < count; one++) inbox.add(() => new Promise((resolve) => ends.push(resolve)))
  }
  const work = async (count: number): Promise<void> => {
    for (let one = 0; one < count; one++) {
      ends.shift()?.()
      await settled()
    }
  }
  return { inbox, flow, add, work }
}

test('reading goes on while 255 messages wait behind the one at work, and pauses at the 256th', () => {
  const { inbox, flow, add } = busy()
  add(1)
  add(255)
  expect([flow, inbox.paused]).toEqual([[], false])
  add(1)
  expect([flow, inbox.paused]).toEqual([['pause'], true])
  add(10)
  expect(flow).toEqual(['pause'])
})

test('reading goes on when half of them are worked off, and not before', async () => {
  const { flow, add, work } = busy()
  add(257)
  await work(127)
  expect(flow).toEqual(['pause'])
  await work(1)
  expect(flow).toEqual(['pause', 'resume'])
})
