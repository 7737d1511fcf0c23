import { expect, test } from 'vitest'
import { debugFilter } from '../../src/wire/debug.ts'

const client = 'sallyport:client'

test.each([
  '*',
  'sallyport',
  'sallyport:*',
  'sallyport:client',
  'http, sallyport:client',
  'http sallyport:*',
  'sally*',
  'sallyport:*,-sallyport:sent',
])("DEBUG='%s' asks for the output of the client", (list) => {
  expect(debugFilter(`${list},sallyport:none`)?.(client)).toBe(true)
})

test.each([
  '',
  'http',
  'sallyport:server',
  'sallyport:clients',
  'mysallyport:client',
  'sallyportclient',
  'sallyport:*,-sallyport:client',
  '*,-sallyport:*',
])("DEBUG='%s' does not ask for the output of the client", (list) => {
  expect(debugFilter(list)?.(client) ?? false).toBe(false)
})

test.each(['', 'http', 'mysallyport:*', '-sallyport:client'])(
  "DEBUG='%s' names nothing of Sallyport",
  (list) => {
    expect(debugFilter(list)).toBeNull()
  },
)
