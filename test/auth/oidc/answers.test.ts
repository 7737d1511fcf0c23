import { expect, test } from 'vitest'
import { AnswerCache } from '../../../src/auth/oidc/answers.ts'
import { testClock } from '../../../src/testing/clock.ts'

const ignore = (): void => {}

test.each(Array.from({ length: 12 }, (_, turns) => [turns]))(
  'a question %i turns after an answer leaves no second one under way that could answer last',
  async (turns) => {
    const landings: (() => void)[] = []
    let [now, most] = [0, 0]
    const answers = new AnswerCache({
      clock: testClock(),
      keepMs: 30_000,
      ask: async () => {
        most = Math.max(most, ++now)
        const landing = Promise.withResolvers<void>()
        landings.push(landing.resolve)
        await landing.promise
        now--
        return {}
      },
    })
    const asked = [answers.fresh('token'), answers.fresh('token')]
    landings[0]?.()
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    asked.push(answers.fresh('token'))
    for (let landed = 1; landed < 4; landed++) {
      await new Promise((resolve) => setImmediate(resolve))
      landings[landed]?.()
    }
    await Promise.all(asked)
    expect(most).toBe(1)
  },
)

test('a question that follows another takes its place, where no further one could leave', async () => {
  const landings: (() => void)[] = []
  const answers = new AnswerCache({
    clock: testClock(),
    keepMs: 30_000,
    ask: async () => {
      const landing = Promise.withResolvers<void>()
      landings.push(landing.resolve)
      await landing.promise
      return { sub: '7' }
    },
  })
  const asked = Array.from({ length: 64 }, (_, index) => answers.known(`token-${index}`, ignore))
  const following = answers.fresh('token-0')
  await expect(answers.known('one-more', ignore)).rejects.toMatchObject({ status: 503 })
  landings[0]?.()
  await expect.poll(() => landings.length).toBe(65)
  for (const land of landings) land()
  expect(await following).toEqual({ sub: '7' })
  await Promise.all(asked)
})

test.each([
  ['an hour back', -3_600_000, {}, 31_000],
  ['nine days back', -9 * 86_400_000, null, 11_000],
  ['an hour back before the end of the token', -3_600_000, { exp: Date.UTC(2026, 0, 1) / 1000 + 20 }, 21_000],
])('an answer is kept no longer when the clock is set %s', async (_, stepMs, answer, afterMs) => {
  const clock = testClock()
  let asked = 0
  const answers = new AnswerCache({
    clock,
    keepMs: 30_000,
    ask: async () => {
      asked++
      return answer
    },
  })
  await answers.known('token', ignore)
  clock.jump(stepMs)
  await answers.known('token', ignore)
  expect(asked).toBe(1)
  await clock.advance(afterMs)
  await answers.known('token', ignore)
  expect(asked).toBe(2)
})

test('what is known, or asked already, is not told of before it is asked', async () => {
  const landing = Promise.withResolvers<void>()
  const answers = new AnswerCache({
    clock: testClock(),
    keepMs: 30_000,
    ask: () => landing.promise.then(() => ({ sub: '7' })),
  })
  let told = 0
  const tell = (): void => void told++
  const both = [answers.known('token', tell), answers.known('token', tell)]
  landing.resolve()
  await Promise.all(both)
  await answers.known('token', tell)
  expect(told).toBe(1)
  const refused = new Error('refused')
  await expect(
    answers.known('other', () => {
      throw refused
    }),
  ).rejects.toBe(refused)
})
