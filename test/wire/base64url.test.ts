import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64url } from '../../src/wire/from-base64url.ts'
import { toBase64url } from '../../src/wire/to-base64url.ts'

test('bytes come out as they went in, spelled as Node spells them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = toBase64url(bytes)
      expect(text).toBe(Buffer.from(bytes).toString('base64url'))
      expect(fromBase64url(text)).toEqual(bytes)
    }),
  )
})

test('any text either has this one spelling or is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'AQgw_-+/= \nZ'.split('')), maxLength: 12 }), (text) => {
      const bytes = fromBase64url(text)
      if (bytes !== null) expect(toBase64url(bytes)).toBe(text)
      else expect(Buffer.from(text, 'base64url').toString('base64url')).not.toBe(text)
    }),
    { numRuns: 2_000 },
  )
})
