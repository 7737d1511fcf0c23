import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRecord, maxJsonDepth, parseJson, parseRecord } from '../../src/wire/json.ts'

const nested = (depth: number, [open, close]: readonly [string, string] = ['[', ']']): string =>
  open.repeat(depth) + (open === '[' ? '' : '1') + close.repeat(depth)

describe('parsing JSON from a peer', () => {
  test('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (json) => {
        const parsed = parseJson(json)
        const value: unknown = JSON.parse(json)
        if (!parsed.ok) expect(json).toMatch(/__proto__|constructor|\\u/)
        else expect(parsed.value).toEqual(value)
      }),
    )
  })

  test('never throws, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 300 }),
          fc.string({ unit: fc.constantFrom(...'[]{}":,\\1u0'.split('')), maxLength: 300 }),
        ),
        (text) => {
          const parsed = parseJson(text)
          expect(typeof parsed.ok).toBe('boolean')
        },
      ),
    )
  })

  test('takes nesting up to the bound and not beyond', () => {
    for (const pair of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      expect(parseJson(nested(maxJsonDepth, pair)).ok).toBe(true)
      expect(parseJson(nested(maxJsonDepth + 1, pair)).ok).toBe(false)
    }
    expect(parseJson(nested(1_000_000)).ok).toBe(false)
  })

  test('counts what is open, not what has been closed', () => {
    for (const empty of ['[]', '{}'])
      expect(parseJson(`[${Array.from({ length: 100 }, () => empty).join()}]`).ok).toBe(true)
  })

  test('does not count brackets inside texts', () => {
    const text = JSON.stringify({ text: `${'['.repeat(1000)}"\\"{{` })
    expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown })
  })

  test('knows where a text ends that holds a quotation mark', () => {
    expect(parseJson(JSON.stringify(`"${'['.repeat(100)}`)).ok).toBe(true)
    expect(parseJson(String.raw`["\"",${nested(maxJsonDepth)}]`).ok).toBe(false)
  })

  test.each([
    '{"__proto__":{"admin":true}}',
    '{"a":[{"__proto__":1}]}',
    '{"constructor":{"prototype":{"admin":true}}}',
    String.raw`{"\u005f\u005fproto__":{}}`,
    String.raw`{"a":{"constr\u0075ctor":1}}`,
  ])('refuses a key that could reach a prototype: %s', (text) => {
    expect(parseJson(text)).toEqual({ ok: false, issue: 'a key is not allowed' })
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test('takes such a word as a value', () => {
    expect(parseJson('{"text":"__proto__ and constructor","none":null}').ok).toBe(true)
  })
})

test('a record is an object, and no list, null or plain value', () => {
  expect(isRecord({})).toBe(true)
  for (const other of [[], null, undefined, 'text', 7, () => null]) expect(isRecord(other)).toBe(false)
})

test('an object is parsed where one is wanted, and nothing else for one', () => {
  expect(parseRecord('{"a":[1]}')).toEqual({ a: [1] })
  for (const text of ['[]', 'null', '7', '"text"', '{', '', '{"constructor":1}', '{"a":'.repeat(65)])
    expect(parseRecord(text)).toBeNull()
})
