import { expect, test } from 'vitest'
import { Inbox } from '../../../src/core/socket/inbox.ts'
import { defaultLimits } from '../../../src/core/api/limits.ts'
import { settled } from '../../../src/testing/clock.ts'

/** An inbox that is not started yet, and what waits in its account. */
function waitingInbox({ room = Number.POSITIVE_INFINITY } = {}) {
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
  return { inbox, flow, account }
}

/** An inbox whose handler works for as long as it is told to, and what waits in its account. */
function busy(options: { readonly room?: number } = {}) {
  const { inbox, flow, account } = waitingInbox(options)
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

/** Whether a promise has settled by the end of this turn. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let done = false
  void promise.then(() => (done = true))
  await settled()
  return done
}

test('a task that a handler adds within its own turn runs after it', () => {
  const { inbox } = busy()
  const ran: string[] = []
  const second = { bytes: 1, run: () => void ran.push('second') }
  inbox.add({
    bytes: 1,
    run: () => {
      inbox.add(second)
      ran.push('first')
    },
  })
  expect(ran).toEqual(['first', 'second'])
})

test('a handler that asks within its own turn whether all is done hears it at its end', async () => {
  const { inbox } = busy()
  let drained: Promise<void> = Promise.reject(new Error('not asked'))
  drained.catch(() => {})
  inbox.add({ bytes: 1, run: () => void (drained = inbox.drained()) })
  expect(await isSettled(drained)).toBe(true)
})

test('what waits for the start is not done before it has run, or is forgotten', async () => {
  for (const end of ['start', 'close'] as const) {
    const { inbox } = waitingInbox()
    inbox.add({ bytes: 1, run: () => undefined })
    const drained = inbox.drained()
    expect(await isSettled(drained)).toBe(false)
    inbox[end]()
    expect(await isSettled(drained)).toBe(true)
  }
})
