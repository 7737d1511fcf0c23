import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bodyOf } from '../../src/wire/body.ts'
import { binary, contract, event, text } from '../../src/wire/contract.ts'
import { Denial } from '../../src/wire/errors.ts'
import { parseJson } from '../../src/wire/json.ts'
import { decodePlain, encodePlain, encodePlainError } from '../../src/wire/plain.ts'

const any = z.record(z.string(), z.unknown())
const named = contract('/named', {
  client: { say: any, note: text, chunk: binary, frame: event(binary, { slow: 'latest' }) },
}).client

describe('a named message on the plain wire', () => {
  test('is flat and tagged with its type', () => {
    expect(encodePlain('say', { kind: 'json', json: '{"text":"hello"}' })).toBe(
      '{"type":"say","text":"hello"}',
    )
    expect(encodePlain('say', { kind: 'json', json: '{}' })).toBe('{"type":"say"}')
  })

  test('comes out as it went in', () => {
    const data = fc.dictionary(
      fc.string({ maxLength: 10 }).filter((key) => key !== 'type'),
      fc.jsonValue({ maxDepth: 2 }),
    )
    fc.assert(
      fc.property(data, (value) => {
        const json = JSON.stringify(value)
        const reading = decodePlain(named, encodePlain('say', { kind: 'json', json }))
        if (parseJson(json).ok)
          expect(reading).toEqual({ ok: true, type: 'say', data: JSON.parse(json) as unknown })
        else expect(reading.ok).toBe(false)
      }),
    )
  })

  test('of raw text holds it under data', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const payload = encodePlain('note', bodyOf(text, value))
        expect(decodePlain(named, payload)).toEqual({ ok: true, type: 'note', data: value })
      }),
    )
  })

  test('of bytes has its type in front', () => {
    fc.assert(
      fc.property(fc.constantFrom('chunk', 'frame'), fc.uint8Array(), (type, bytes) => {
        const payload = encodePlain(type, bodyOf(binary, bytes))
        expect(decodePlain(named, payload)).toEqual({ ok: true, type, data: bytes })
      }),
    )
  })

  test.each(['[1]', '"text"', '1', 'null'])('is an object, so %s is not sent', (json) => {
    expect(() => encodePlain('say', { kind: 'json', json })).toThrow(TypeError)
  })

  test.each(['', '[]', '1', 'null', '{}', '{"type":1}', '{"type":null}', '{"type":["say"]}'])(
    'is not %s',
    (payload) => {
      expect(decodePlain(named, payload)).toMatchObject({ ok: false, mismatch: false })
    },
  )

  test.each([
    [[]],
    [[5, 0x73]],
    [[3, 0x73, 0x61, 0x79]],
    [[0]],
    [[11, ...Buffer.from('constructor')]],
    [[8, ...Buffer.from('\uFEFFchunk')]],
  ])('is not the bytes %j', (bytes) => {
    expect(decodePlain(named, Uint8Array.from(bytes)).ok).toBe(false)
  })
})

describe('an unnamed shape on the plain wire', () => {
  test('travels as it is', () => {
    for (const [schema, data] of [
      [any, { message: 'hello' }],
      [text, 'hello'],
      [binary, Uint8Array.of(1, 2)],
    ] as const) {
      const payload = encodePlain(null, bodyOf(schema, data))
      expect(decodePlain(schema, payload)).toEqual({ ok: true, type: null, data })
    }
  })

  test('tells text that came where bytes belong, and the reverse, from bad JSON', () => {
    expect(decodePlain(any, Uint8Array.of(1))).toMatchObject({ ok: false, mismatch: true })
    expect(decodePlain(text, Uint8Array.of(1))).toMatchObject({ ok: false, mismatch: true })
    expect(decodePlain(binary, 'text')).toMatchObject({ ok: false, mismatch: true })
    expect(decodePlain(any, '{')).toMatchObject({ ok: false, mismatch: false })
  })
})

describe('a denial on the plain wire', () => {
  const denial = new Denial(429, 'too-many', 'slow down', {
    retryAfterMs: 500,
    detail: 'for operators',
    cause: new Error('secret'),
  })
  const face = { status: 429, code: 'too-many', message: 'slow down', retryAfterMs: 500 }

  test('is tagged error beside named messages, and under error beside an unnamed shape', () => {
    expect(JSON.parse(encodePlainError(named, denial))).toEqual({ type: 'error', ...face })
    expect(JSON.parse(encodePlainError(any, denial))).toEqual({ error: face })
  })
})

test('reading never throws, whatever comes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(named, any, text, binary),
      fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }), fc.json()),
      (direction, payload) => {
        expect(typeof decodePlain(direction, payload).ok).toBe('boolean')
      },
    ),
    { numRuns: 3_000 },
  )
})

test('what JSON cannot hold is not sent', () => {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  for (const data of [undefined, () => {}, Symbol('s'), loop, 1n])
    expect(() => bodyOf(any, data)).toThrow(TypeError)
  expect(() => bodyOf(binary, 'text')).toThrow(TypeError)
  expect(() => bodyOf(text, Uint8Array.of(1))).toThrow(TypeError)
})
