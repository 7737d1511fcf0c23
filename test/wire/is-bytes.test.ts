import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { isBytes } from '../../src/wire/is-bytes.ts'

test.each([
  ['a Uint8Array', new Uint8Array(1)],
  ['a Buffer', Buffer.from('a')],
  ['a Uint8Array of another realm', runInNewContext('new Uint8Array(1)')],
])('%s is bytes', (_, value) => {
  expect(isBytes(value)).toBe(true)
})

test.each([
  ['an ArrayBuffer', new ArrayBuffer(1)],
  ['a list', [1]],
  ['a Uint16Array', new Uint16Array(1)],
  ['an object out of JSON', JSON.parse('{"0":1,"length":1}')],
  ['nothing', null],
])('%s is no bytes', (_, value) => {
  expect(isBytes(value)).toBe(false)
})
