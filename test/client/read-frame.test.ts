import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readFrame } from '../../src/client/read-frame.ts'
import { encodeFrame, encodeMessage, type ServerFrame } from '../../src/wire/frame.ts'

/** As a socket hands it out: a buffer of its own. */
const received = (bytes: Uint8Array | string): ArrayBuffer | string =>
  typeof bytes === 'string' ? bytes : Uint8Array.from(bytes).buffer

describe('reading frames', () => {
  test('reads what the wire writes as text', () => {
    const frame: ServerFrame = { op: 'opened', in: '/ws/x', id: '1', grant: { canWrite: true } }
    expect(readFrame(encodeFrame(frame))).toEqual(frame)
  })

  test('reads what the wire writes as bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array(), (type, bytes) => {
        const payload = encodeMessage({ in: '/ws/x', type }, { kind: 'binary', bytes })
        expect(readFrame(received(payload))).toEqual({ op: 'msg', in: '/ws/x', type, data: bytes })
      }),
    )
  })

  test('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.uint8Array(), fc.json()), (anything) => {
        const frame = readFrame(received(anything))
        expect(frame === null || typeof frame.op === 'string').toBe(true)
      }),
    )
  })

  test.each(['', 'x', 'null', '[]', '{}', '{"op":1}'])('%j is no frame', (text) => {
    expect(readFrame(text)).toBeNull()
  })

  test('a header that is cut short is no frame', () => {
    expect(readFrame(received(Uint8Array.of(0)))).toBeNull()
    expect(readFrame(received(Uint8Array.of(0, 9, 0x7b, 0x7d)))).toBeNull()
  })
})
