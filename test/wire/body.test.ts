import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { assertValid, bodyOf } from '../../src/wire/body.ts'
import { binary, text } from '../../src/wire/contract.ts'
import { parseJson } from '../../src/wire/json.ts'

const anything = z.unknown()
const told = (data: unknown): string => {
  try {
    assertValid(anything, data, 'the message')
    return 'as it was sent'
  } catch (error) {
    return String(error)
  }
}

class Row {
  readonly id = 7
}

const nested = (levels: number): unknown => (levels === 0 ? 'leaf' : { a: nested(levels - 1) })

describe('a message that is checked before it is sent', () => {
  test.each([
    [{ n: Number.NaN }, "'n' is NaN"],
    [{ deep: [{ n: Number.POSITIVE_INFINITY }] }, "'deep.0.n' is Infinity"],
    [Number.NaN, 'it is NaN'],
    [{ at: new Date(0) }, "'at' is no plain object (Date)"],
    [{ all: new Map([['a', 1]]) }, "'all' is no plain object (Map)"],
    [{ all: new Set([1]) }, "'all' is no plain object (Set)"],
    [{ bytes: Uint8Array.of(1) }, "'bytes' is no plain object (Uint8Array)"],
    [{ url: new URL('https://app.example') }, "'url' is no plain object (URL)"],
    [{ why: new Error('x') }, "'why' is no plain object (Error)"],
    [{ own: { toJSON: () => 1 } }, "'own' is no plain object (Object)"],
    [[1, undefined], "'1' is undefined"],
    // oxlint-disable-next-line no-sparse-arrays
    [[1, , 2], "'1' is undefined"],
    [{ n: 5n }, "'n' is a bigint"],
    [{ run: () => 1 }, "'run' is a function"],
    [{ mark: Symbol('x') }, "'mark' is a symbol"],
    [nested(65), 'is nested deeper than 64'],
  ])('is refused when JSON would change it: %o', (data, why) => {
    expect(told(data)).toContain('TypeError: the message does not arrive as it is sent: ')
    expect(told(data)).toContain(why)
  })

  test.each([
    [{ a: [1, 'b', null, true, { c: [] }], gone: undefined }],
    [new Row()],
    [Object.assign(Object.create(null) as object, { a: 1 })],
    [undefined],
    [nested(64)],
  ])('is sent when it arrives as it is: %o', (data) => {
    expect(told(data)).toBe('as it was sent')
  })

  test('that holds itself is refused, and checking it ends', () => {
    const round: { self?: unknown } = {}
    round.self = round
    expect(told(round)).toContain('is nested deeper than 64')
  })

  test('of bytes or of raw text is no JSON', () => {
    expect(() => assertValid(binary, Uint8Array.of(1), 'x')).not.toThrow()
    expect(() => assertValid(text, 'NaN', 'x')).not.toThrow()
  })

  test('arrives as it was sent, for what was not refused', () => {
    const data = { a: [1, 'b', null, true, { c: [] }] }
    const body = bodyOf(anything, data)
    expect(body.kind === 'json' && parseJson(body.json)).toEqual({ ok: true, value: data })
  })
})
