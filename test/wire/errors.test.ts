import { describe, expect, test } from 'vitest'
import { Denial, deny, SallyportError, withCloseCode } from '../../src/wire/errors.ts'

describe('a denial', () => {
  test('carries its status as a close code, and its word as its message', () => {
    const denial = new Denial(403, 'read-only')
    expect(denial).toMatchObject({
      code: 'ERR_DENIED',
      status: 403,
      reason: 'read-only',
      message: 'read-only',
      closeCode: 4403,
    })
    expect(denial).toBeInstanceOf(SallyportError)
    expect([denial.httpOnly, denial.retryAfterMs, denial.detail, denial.challenge]).toEqual([
      false,
      undefined,
      undefined,
      undefined,
    ])
  })

  test('keeps what is not replaced', () => {
    const cause = new Error('why')
    const denial = new Denial(401, 'bad', 'text', {
      detail: 'd',
      challenge: 'Basic',
      retryAfterMs: 5,
      cause,
    })
    expect(withCloseCode(denial, 4003)).toMatchObject({
      status: 401,
      reason: 'bad',
      message: 'text',
      detail: 'd',
      challenge: 'Basic',
      retryAfterMs: 5,
      closeCode: 4003,
      cause,
    })
  })

  test('is thrown by deny', () => {
    expect(() => deny(404, 'no-room', 'there is no such room')).toThrow(
      new Denial(404, 'no-room', 'there is no such room'),
    )
  })

  test.each([399, 600, 403.5, Number.NaN, 200])('has no status %d', (status) => {
    expect(() => deny(status, 'word')).toThrow(TypeError)
  })

  test.each(['', 'Read-Only', 'read only', '1st', 'a\r\nb', 'x'.repeat(49)])('has no code %j', (word) => {
    expect(() => deny(403, word)).toThrow(TypeError)
  })
})
