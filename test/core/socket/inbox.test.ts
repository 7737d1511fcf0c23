import { expect, test } from 'vitest'
import { Inbox } from '../../../src/core/socket/inbox.ts'
import { defaultLimits } from '../../../src/core/api/limits.ts'
import { settled } from '../../../src/testing/clock.ts'

/** An inbox whose handler works for as long as it is told to, and what waits in its account. */
function busy({ room = Number.POSITIVE_INFINITY } = {}) {
  const flow: string[] = []
  const account = { bytes: 0 }
  const inbox = new Inbox({
    bounds: { messages: defaultLimits.inbox, bytes: defaultLimits.inboxBytes },
    flow: { pause: () => flow.push('pause'), resume: () => flow.push('resume') },
    backlog: {
      take: (bytes) => account.bytes + bytes <= room && ((account.bytes += bytes), true),
      give: (bytes) => void (account.bytes -= bytes),
    },
  })
  const ends: (() => void)[] = []
  inbox.start()
  const add = (count: number, bytes = 1): void => {
    for (let one = 0; one < count; one++)
      inbox.add({ bytes, run: () => new Promise((resolve) => ends.push(resolve)) })
  }
  const work = async (count: number): Promise<void> => {
    for (let one = 0; one < count; one++) {
      ends.shift()?.()
      await settled()
    }
  }
  return { inbox, flow, account, add, work }
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

test('reading pauses when 512 KiB wait, and goes on when half of them are worked off', async () => {
  const { flow, add, work } = busy()
  add(1)
  add(7, 65_536)
  add(1, 65_535)
  expect(flow).toEqual([])
  add(1)
  expect(flow).toEqual(['pause'])
  await work(3)
  expect(flow).toEqual(['pause'])
  await work(1)
  expect(flow).toEqual(['pause', 'resume'])
})

test('the message at work does not count as waiting, and each other one until its turn', async () => {
  const { account, add, work } = busy()
  add(1, 10)
  expect(account.bytes).toBe(0)
  add(2, 10)
  expect(account.bytes).toBe(20)
  await work(1)
  expect(account.bytes).toBe(10)
  await work(1)
  expect(account.bytes).toBe(0)
})

test('a message that its account has no room for does not wait', () => {
  const { inbox, account, add } = busy({ room: 10 })
  add(1, 50)
  expect(inbox.add({ bytes: 11, run: () => {} })).toBe(false)
  expect(inbox.add({ bytes: 10, run: () => {} })).toBe(true)
  expect(account.bytes).toBe(10)
})

test('what is forgotten at the end is counted, and its account has room again', () => {
  const { inbox, account, add } = busy()
  add(4, 10)
  expect(inbox.close()).toBe(3)
  expect(inbox.close()).toBe(0)
  add(2, 10)
  expect(account.bytes).toBe(0)
})
