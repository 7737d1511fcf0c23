import { expect, test } from 'vitest'
import { announcing } from '../../src/auth/announcing.ts'
import { testClock } from '../../src/testing.ts'

/** A server that announces over a layer that is away for so many attempts. */
function announcer(away: number) {
  const clock = testClock()
  const failures: unknown[] = []
  let attempts = 0
  const announce = announcing({ clock, failed: (error) => failures.push(error) })
  const command = async (): Promise<void> => {
    attempts++
    if (attempts <= away) throw new Error('the layer is away')
  }
  return { clock, failures, say: (key = 'end s1') => announce(key, command), attempts: () => attempts }
}

test('an access command is given in the same turn, and once', async () => {
  const { say, attempts, clock, failures } = announcer(0)
  say()
  expect(attempts()).toBe(1)
  await clock.advance(300_000)
  expect(attempts()).toBe(1)
  expect(failures).toEqual([])
})

test('an access command that fails is given again until it is heard', async () => {
  const { say, attempts, clock, failures } = announcer(3)
  say()
  await clock.advance(1_000)
  expect(attempts()).toBe(2)
  await clock.advance(60_000)
  expect(attempts()).toBe(4)
  expect(failures).toHaveLength(3)
})

test('an access command that is never heard is given up after two minutes', async () => {
  const { say, attempts, clock } = announcer(Number.POSITIVE_INFINITY)
  say()
  await clock.advance(120_000)
  expect(attempts()).toBe(6)
  await clock.advance(3_600_000)
  expect(attempts()).toBe(6)
})

test('access commands with one key wait once between them, and others for themselves', async () => {
  const { say, attempts, clock } = announcer(Number.POSITIVE_INFINITY)
  say()
  say()
  say('end s2')
  await clock.advance(1_000)
  expect(attempts()).toBe(3 + 2)
})
