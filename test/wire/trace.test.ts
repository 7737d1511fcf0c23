import { expect, test } from 'vitest'
import { traceOf } from '../../src/wire/trace.ts'

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

test('a trace context is read as it is', () => {
  expect(traceOf({ traceparent })).toEqual({ traceparent })
  const tracestate = 'rojo=00f067aa0ba902b7, tenant@vendor=t61rcWkgMzE'
  expect(traceOf({ traceparent, tracestate, baggage: 'secret=1' })).toEqual({ traceparent, tracestate })
})

test.each([
  ['no object', traceparent],
  ['nothing', null],
  ['a list', [traceparent]],
  ['no parent', { tracestate: 'a=b' }],
  ['a number', { traceparent: 1 }],
  ['upper case', { traceparent: traceparent.toUpperCase() }],
  ['a version of the future', { traceparent: traceparent.replace('00-', '01-') }],
  ['the version that is none', { traceparent: traceparent.replace('00-', 'ff-') }],
  ['more fields', { traceparent: `${traceparent}-00` }],
  ['a trace of zeros', { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }],
  ['a span of zeros', { traceparent: `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01` }],
  ['a line end', { traceparent: `${traceparent.slice(0, -1)}\n` }],
  ['two headers', { traceparent: `${traceparent}, ${traceparent}` }],
])('%s is none', (_, value) => {
  expect(traceOf(value)).toBeNull()
})

test.each([
  ['no text', 5],
  ['empty', ''],
  ['too long', `a=${'x'.repeat(511)}`],
  ['too many', Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(',')],
  ['no list', 'nonsense'],
  ['a line end', 'a=b\nc=d'],
  ['a letter of another alphabet', 'a=é'],
])('a state that is %s is dropped, and the rest kept', (_, tracestate) => {
  expect(traceOf({ traceparent, tracestate })).toEqual({ traceparent })
})
