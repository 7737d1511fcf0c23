import { describe, expect, test } from 'vitest'
import { budget, signInLimiter } from '../../../showcase/src/http/limiter.ts'

function limiter() {
  let now = 0
  const made = signInLimiter(
    {
      network: { most: 6, windowMs: 60_000 },
      pair: { most: 2, windowMs: 60_000 },
      account: { most: 4, windowMs: 900_000 },
    },
    () => now,
  )
  const fail = (account: string, network: string) => made.attempt(account, network).allowed
  return { ...made, fail, pass: (ms: number) => void (now += ms) }
}

describe('the sign-in limiter', () => {
  test('slows down guesses at one account, however its name is written', () => {
    const { fail } = limiter()
    expect([fail('ada', '1.1.1.1'), fail(' ADA ', '1.1.1.1'), fail('Ada', '1.1.1.1')]).toEqual([
      true,
      true,
      false,
    ])
  })

  test('forgets after the window', () => {
    const { fail, pass } = limiter()
    fail('ada', '1.1.1.1')
    fail('ada', '1.1.1.1')
    pass(60_000)
    expect(fail('ada', '1.1.1.1')).toBe(true)
  })

  test('says when to come back', () => {
    const { attempt, fail, pass } = limiter()
    fail('ada', '1.1.1.1')
    fail('ada', '1.1.1.1')
    pass(20_000)
    expect(attempt('ada', '1.1.1.1')).toMatchObject({ allowed: false, retryAfterMs: 40_000 })
  })

  test('counts attempts while they run, so that many at once gain nothing', () => {
    const { attempt } = limiter()
    const turns = [1, 2, 3].map(() => attempt('ada', '1.1.1.1'))
    expect(turns.map(({ allowed }) => allowed)).toEqual([true, true, false])
  })

  test('does not count success against anyone', () => {
    const { attempt } = limiter()
    for (let i = 0; i < 20; i++) {
      const turn = attempt('ada', '1.1.1.1')
      expect(turn.allowed).toBe(true)
      if (turn.allowed) turn.succeeded()
    }
  })

  test('bounds one network over all accounts', () => {
    const { fail } = limiter()
    const tried = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => fail(name, '1.1.1.1'))
    expect(tried).toEqual([true, true, true, true, true, true, false])
    expect(fail('g', '2.2.2.2')).toBe(true)
  })

  test('bounds guesses at one account from many networks, but does not lock out its owner', () => {
    const { attempt, fail } = limiter()
    const home = attempt('ada', '9.9.9.9')
    if (home.allowed) home.succeeded()
    const tried = ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4', '5.5.5.5'].map((network) =>
      fail('ada', network),
    )
    expect(tried).toEqual([true, true, true, true, false])
    expect(attempt('ada', '9.9.9.9').allowed).toBe(true)
  })
})

describe('a budget', () => {
  test('is used up for one network alone, and comes back', () => {
    let now = 0
    const { spend } = budget({ most: 1, windowMs: 1_000 }, () => now)
    spend('1.1.1.1')
    expect(() => spend('1.1.1.1')).toThrow(expect.objectContaining({ status: 429, retryAfterMs: 1_000 }))
    expect(() => spend('2.2.2.2')).not.toThrow()
    now = 1_000
    expect(() => spend('1.1.1.1')).not.toThrow()
  })
})
