import { expect, test } from 'vitest'
import { namesDebug } from '../../src/wire/debug.ts'

test.each([
  '*',
  'sallyport',
  'sallyport:*',
  'sallyport:client',
  'http, sallyport:client',
  'http sallyport:*',
])("DEBUG='%s' asks for the output of the client", (list) => expect(namesDebug(list, 'client')).toBe(true))

test.each(['', 'http', 'sallyport:server', 'sallyport:clients', 'mysallyport:client', 'sallyportclient'])(
  "DEBUG='%s' does not ask for the output of the client",
  (list) => expect(namesDebug(list, 'client')).toBe(false),
)
