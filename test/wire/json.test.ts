import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRecord, maxJsonDepth, maxJsonValues, parseJson, parseRecord } from '../../src/wire/json.ts'

const nested = (depth: number, [open, close]: readonly [string, string] = ['[', ']']): string =>
  open.repeat(depth) + (open === '[' ? '' : '1') + close.repeat(depth)

describe('parsing JSON from a peer', () => {
  test('gives what JSON.parse gives', () => {
    // an object with a backslash in a key, wherever it was made, changes what JSON.parse of this process gives
    const stringUnit = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 })
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 5, stringUnit: stringUnit.filter((char) => char !== '\\') }),
        (json) => {
          const parsed = parseJson(json)
          if (!parsed.ok) expect(json).toMatch(/__proto__|constructor|\\u/)
          else expect(parsed.value).toEqual(JSON.parse(json))
        },
      ),
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

  // proves: poisonous-json
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
    String.raw`{"a":{"constr\u0075ctor" :1}}`,
  ])('refuses a key that could reach a prototype: %s', (text) => {
    expect(parseJson(text)).toEqual({ ok: false, code: 'invalid-message', issue: 'a key is not allowed' })
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test.each([
    '{"text":"__proto__ and constructor","none":null}',
    '["__proto__","constructor","\\u0063onstructor"]',
    '{"a":"constructor","b":["__proto__"],"\\u005f_proto":1,"__proto__2":1,"constructo\\u0072s":1}',
    String.raw`{"a":"\"constructor\":1"}`,
    String.raw`{"a\"":"constructor","b":1}`,
    String.raw`{"a\"":"\\","\u00e9":["\\:","\u005c"],"\/\n":1}`,
  ])('takes such a word as a value, and keys that are like it: %s', (text) => {
    expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown })
  })

  test.each([
    String.raw`{"\\":1}`,
    String.raw`{"a\\u0":1}`,
    String.raw`[{"a":{"b\u005c" : 1}}]`,
    String.raw`{"a\u005Cb":1}`,
    String.raw`{"\"\\":1}`,
  ])('refuses a key that has a backslash in it: %s', (text) => {
    expect(parseJson(text)).toEqual({ ok: false, code: 'invalid-message', issue: 'a key is not allowed' })
  })

  // https://github.com/nodejs/node/issues/63785
  // proves: poisonous-json
  test('reads an escaped key as before, whatever keys with a backslash came from others', () => {
    const honest = String.raw`{"kind":"set","gr\u00f6\u00dfe":5}`
    const before = parseJson(honest)
    expect(before).toEqual({ ok: true, value: { kind: 'set', größe: 5 } })
    parseJson(String.raw`{"kind":"set","gr\\u0":5}`)
    parseJson(String.raw`{"kind":"set","gr\u005cu0":5}`)
    expect(parseJson(honest)).toEqual(before)
  })

  test('finds a forbidden key wherever it is and however it is escaped, and no other', () => {
    const words = fc.constantFrom(
      '__proto__',
      'constructor',
      'a',
      '_',
      '"',
      '\\',
      '\\\\"',
      '€',
      'x'.repeat(40),
    )
    const values = fc.letrec((tie) => ({
      value: fc.oneof(words, tie('list'), tie('record')),
      list: fc.array(tie('value'), { maxLength: 3 }),
      record: fc.uniqueArray(fc.tuple(words, tie('value')), {
        maxLength: 3,
        selector: ([key]) => key,
      }),
    })).value
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.nat({ max: 5 })), (value, dice) => {
        const { json, isForbidden } = spelled(value, () => dice.next().value as number)
        const parsed = parseJson(json)
        expect(parsed).toEqual(
          isForbidden
            ? { ok: false, code: 'invalid-message', issue: 'a key is not allowed' }
            : { ok: true, value: JSON.parse(json) as unknown },
        )
      }),
    )
  })
})

/** JSON of lists, of records as lists of pairs, and of texts, with some characters escaped and some spaces. */
function spelled(
  value: unknown,
  die: () => number,
): { readonly json: string; readonly isForbidden: boolean } {
  const isForbidden = { value: false }
  const space = (): string => [' ', '\n\t', '', '', '', ''][die()] ?? ''
  const text = (word: string): string =>
    `"${word
      .split('')
      .map((char) =>
        die() === 0
          ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
          : JSON.stringify(char).slice(1, -1),
      )
      .join('')}"`
  const json = (one: unknown): string => {
    if (typeof one === 'string') return text(one)
    // what the arbitrary above makes: lists of values, and lists of pairs
    const many = one as readonly unknown[]
    const isRecordOf =
      many.length > 0 &&
      many.every((pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string')
    if (!isRecordOf) return `[${space()}${many.map(json).join(`,${space()}`)}${space()}]`
    const pairs = many as readonly (readonly [string, unknown])[]
    return `{${space()}${pairs
      .map(([key, held]) => {
        isForbidden.value ||= key === '__proto__' || key === 'constructor' || key.includes('\\')
        return `${text(key)}${space()}:${space()}${json(held)}`
      })
      .join(`,${space()}`)}${space()}}`
  }
  return { json: json(value), isForbidden: isForbidden.value }
}

describe('the values in a message', () => {
  const list = (length: number, item = '1'): string => `[${Array.from({ length }, () => item).join()}]`
  const tooMany = { ok: false, code: 'too-many-values', issue: 'a message holds at most 1024 values' }

  test('are at most 1,024, whether they are parsed or not', () => {
    expect(parseJson(list(maxJsonValues)).ok).toBe(true)
    expect(parseJson(list(maxJsonValues + 1))).toEqual(tooMany)
    expect(parseJson(`${list(maxJsonValues + 1)} and no JSON`)).toEqual(tooMany)
  })

  test.each([
    ['items', '[1,"a",[],null]', 5],
    ['members, and the objects that hold them', '{"a":1,"b":{"c":true}}', 5],
    ['both', '[{"a":[1,2]},{"b":{}}]', 10],
    ['no comma or bracket of a text', String.raw`{"a":"[,{\",[,{"}`, 2],
    ['what an empty array or object holds as one', '[[],{}]', 5],
    ['no value at all', '"text"', 0],
  ])('are counted: %s', (_, text, values) => {
    expect(parseJson(text, values).ok).toBe(true)
    if (values > 0) expect(parseJson(text, values - 1)).toMatchObject({ code: 'too-many-values' })
  })

  test.each([
    ['the largest of an object alone', '{"64":1,"1000":2,"128":3}', 4 + 15],
    ['each object of its own', `[${Array.from({ length: 20 }, () => '{"1000":1}').join()}]`, 60 + 20 * 15],
    ['an object around others', '{"640":{"1280":{}},"641":{"64":1}}', 10 + 10 + 20 + 1 - 1],
    ['with escapes as the largest', String.raw`[{"\u0031000":1},{"1\u003000":1}]`, 6 + 2 * 64],
    ['up to 4,096', `{"4096":1}${' '.repeat(128)}`, 2 + 64],
  ])('are more for keys that are small whole numbers: %s', (_, text, values) => {
    const padded = text.padEnd(1_024)
    expect(parseJson(padded, values).ok).toBe(true)
    expect(parseJson(padded, values - 1)).toMatchObject({ code: 'too-many-values' })
  })

  test.each([
    '{"4097":1}',
    '{"4000000":1}',
    '{"0100":1}',
    '{"1e2":1}',
    '{"a1000":1}',
    '{"a":"1000"}',
    '{"63":1}',
  ])('are no more for other keys: %s', (text) => {
    expect(parseJson(text.padEnd(1_024), 2).ok).toBe(true)
  })

  test('hold a validator that copies records to 2 MB, where 14 KB were 15 MB', () => {
    const records = (count: number): string => list(count, '{"1000":1}')
    // V8 makes an array of 1,517 items of a copied object with such a key
    const copied = 1_517 * 8
    let most = 0
    while (parseJson(records(most + 1)).ok) most++
    expect(most * copied).toBeLessThan(2_000_000)
    expect(1_300 * copied).toBeGreaterThan(15_000_000)
  })

  test('may be more where that is asked for, and in what a layer or an issuer says', () => {
    expect(parseJson(list(maxJsonValues + 1), maxJsonValues + 1).ok).toBe(true)
    expect(parseRecord(`{"a":${list(2 * maxJsonValues)}}`)).not.toBeNull()
    expect(parseRecord(`{"a":${list(2 * maxJsonValues)}}`, maxJsonValues)).toBeNull()
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
