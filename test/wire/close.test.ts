import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeCodes, closeReason, maxReasonBytes, retryAfterClose } from '../../src/wire/close.ts'

test('every code that is sent may be on the wire, and stands in the table once', () => {
  const codes = closeCodes.map(({ code }) => code)
  expect(new Set(codes).size).toBe(codes.length)
  expect(codes).toEqual(codes.toSorted((a, b) => a - b))
  // RFC 6455 section 7.4.1: 1005, 1006 and 1015 are never sent
  for (const code of codes) expect([1005, 1006, 1015]).not.toContain(code)
})

test.each([1001, 1005, 1006, 1011, 1012, 1013, 1014, 4408, 4429, 4500, 4503, 4508, 4599])(
  'after %d a client comes back',
  (code) => {
    expect(retryAfterClose(code)).toBe('retry')
  },
)

test.each([
  1000, 1002, 1003, 1007, 1008, 1009, 1010, 1015, 3000, 4000, 4003, 4400, 4403, 4404, 4409, 4410, 4499, 4600,
  4999,
])('after %d a client stops', (code) => {
  expect(retryAfterClose(code)).toBe('stop')
})

test('after 4401 a client asks once for a new credential', () => {
  expect(retryAfterClose(4401)).toBe('reauthenticate')
})

test('a reason fits into a close frame, whole characters from its beginning', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (reason) => {
      const cut = closeReason(reason)
      expect(new TextEncoder().encode(cut).length).toBeLessThanOrEqual(maxReasonBytes)
      expect(reason.startsWith(cut)).toBe(true)
      expect(cut.isWellFormed()).toBe(true)
    }),
  )
})

test('a reason that begins with U+FEFF and is too long keeps it', () => {
  const reason = `\uFEFF${'x'.repeat(200)}`
  expect(closeReason(reason)).toBe(reason.slice(0, 1 + maxReasonBytes - 3))
})

test('a reason that fits is not touched', () => {
  const reason = `${'\u00e9'.repeat(61)}x`
  expect(closeReason(reason)).toBe(reason)
  expect(closeReason(`${reason}\u00e9`)).toBe(reason)
})
