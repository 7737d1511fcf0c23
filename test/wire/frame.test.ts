import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binaryFrame, decodeFrame, encodeFrame, encodeMessage, glimpseId } from '../../src/wire/frame.ts'
import { parseJson } from '../../src/wire/json.ts'

const paths = fc.string({ minLength: 1, maxLength: 30 })
const types = fc.option(fc.string({ minLength: 1, maxLength: 20 }), { nil: null })
const positions = fc.option(fc.record({ epoch: fc.string(), offset: fc.nat() }), { nil: undefined })
const heads = fc.record({ in: paths, type: types, at: positions })
const fieldsOf = (head: { in: string; type: string | null; at?: unknown }) => ({
  op: 'msg',
  in: head.in,
  ...(head.type === null ? {} : { type: head.type }),
  ...(head.at === undefined ? {} : { at: head.at }),
})

describe('a message frame', () => {
  test('holds JSON data that was serialised before', () => {
    fc.assert(
      fc.property(heads, fc.json({ maxDepth: 3 }), (head, json) => {
        const payload = encodeMessage(head, { kind: 'json', json })
        const parsed = parseJson(json)
        if (!parsed.ok) expect(decodeFrame(payload).ok).toBe(false)
        else
          expect(decodeFrame(payload)).toEqual({ ok: true, frame: { ...fieldsOf(head), data: parsed.value } })
      }),
    )
  })

  test('holds raw text', () => {
    fc.assert(
      fc.property(heads, fc.string({ unit: 'binary' }), (head, text) => {
        const payload = encodeMessage(head, { kind: 'text', text })
        expect(decodeFrame(payload)).toEqual({ ok: true, frame: { ...fieldsOf(head), data: text } })
      }),
    )
  })

  test('holds bytes behind its header', () => {
    fc.assert(
      fc.property(heads, fc.uint8Array({ maxLength: 300 }), (head, bytes) => {
        const payload = encodeMessage(head, { kind: 'binary', bytes })
        const reading = decodeFrame(payload)
        expect(reading).toEqual({ ok: true, frame: { ...fieldsOf(head), data: bytes } })
      }),
    )
  })

  test('is the same bytes for every member of a group', () => {
    const head = { in: '/ws/chat/lobby', type: 'said', at: { epoch: 'e', offset: 1 } }
    const body = { kind: 'json', json: '{"text":"hello"}' } as const
    expect(encodeMessage(head, body)).toBe(encodeMessage({ ...head }, { ...body }))
    expect(encodeMessage(head, body)).toBe(
      '{"op":"msg","in":"/ws/chat/lobby","at":{"epoch":"e","offset":1},"type":"said","data":{"text":"hello"}}',
    )
  })

  test('whose header is too long for its length is not made', () => {
    const head = { in: `/${'x'.repeat(65_536)}`, type: null }
    expect(() => encodeMessage(head, { kind: 'binary', bytes: new Uint8Array(1) })).toThrow(TypeError)
  })
})

describe('reading a frame', () => {
  test('gives any other frame as it was', () => {
    const frame = { op: 'ok', in: '/a', id: 'c-1', data: [1, 'two', null] } as const
    expect(decodeFrame(encodeFrame(frame))).toEqual({ ok: true, frame })
  })

  test.each(['', '[]', '1', 'null', '"op"', '{}', '{"op":1}', '{"op":null}', '{"in":"/a"}', '{"op":"msg"'])(
    'refuses %s',
    (text) => {
      expect(decodeFrame(text).ok).toBe(false)
    },
  )

  test.each([
    [],
    [0],
    [0, 1],
    [0, 2, 0x7b],
    [0, 0],
    [0, 2, 0x7b, 0x7d],
    [255, 255, 0x7b],
    [0, 13, ...Buffer.from('\uFEFF{"op":"a"}')],
  ])('refuses the bytes %j', (...bytes) => {
    expect(decodeFrame(Uint8Array.from(bytes.flat())).ok).toBe(false)
  })

  test('of bytes that begin somewhere in a larger buffer', () => {
    const payload = encodeMessage({ in: '/a', type: 'b' }, { kind: 'binary', bytes: Uint8Array.of(1, 2) })
    const larger = Buffer.concat([Buffer.alloc(7, 0x41), Buffer.from(payload as Uint8Array)])
    const reading = decodeFrame(larger.subarray(7))
    expect(reading).toMatchObject({ ok: true, frame: { op: 'msg', in: '/a', type: 'b' } })
    expect(reading.ok && [...(reading.frame['data'] as Uint8Array)]).toEqual([1, 2])
  })

  test('never throws, whatever comes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(fc.nat({ max: 40 }), fc.json())
        .map(([length, json]) => Buffer.from(`\0${String.fromCharCode(length)}${json}`)),
    )
    fc.assert(
      fc.property(fc.oneof(bytes, fc.string({ unit: 'binary' }), fc.json()), (payload) => {
        expect(typeof decodeFrame(payload).ok).toBe('boolean')
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('the id of a frame that is refused unread', () => {
  test('is that of whatever the client writes', () => {
    const ids = fc.stringMatching(/^[\w-]{1,64}$/)
    fc.assert(
      fc.property(heads, ids, fc.json({ maxDepth: 2 }), (head, id, json) => {
        const payload = encodeMessage({ in: head.in, id, type: head.type }, { kind: 'json', json })
        expect(glimpseId(payload)).toBe(id)
      }),
    )
    expect(glimpseId(encodeFrame({ op: 'call', in: '/a', id: 'c-1', type: 'ask', data: null }))).toBe('c-1')
    expect(glimpseId(binaryFrame('{"op":"msg","id":"b-1"}', new Uint8Array(9)))).toBe('b-1')
  })

  test.each([
    ['none', '{"op":"msg","data":"id"}'],
    ['one inside the data alone', '{"op":"msg","data":{"id":"a","b":["id",{"id":"c"}]}}'],
    ['one that only looks like one', String.raw`{"op":"msg","a":"\"id\":\"b\"","c":"id"}`],
    ['no text', '{"id":7}'],
    ['one that is too long', `{"id":"${'x'.repeat(65)}"}`],
    ['one far behind', `{"data":"${'x'.repeat(1_024)}","id":"a"}`],
    ['one behind the frame', '{"op":"msg"},{"id":"a"}'],
    ['a text', '"id"'],
    ['nothing', ''],
  ])('is %s: null', (_, text) => {
    expect(glimpseId(text)).toBeNull()
  })

  test('is looked for without an error, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: fc.constantFrom(...'{}[]":,id\\'.split('')) }), fc.uint8Array()),
        (payload) => {
          const id = glimpseId(payload)
          expect(id === null || id.length > 0).toBe(true)
        },
      ),
    )
  })
})
