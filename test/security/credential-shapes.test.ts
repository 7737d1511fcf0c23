import { expect, test } from 'vitest'
import { holdsCredential } from '../support/credential-shapes.ts'

// what the whole run is searched for: see test/secrets-reporter.ts
test.each([
  ['a token', `refused eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlcw`],
  ['a subprotocol', 'Sec-WebSocket-Protocol: sallyport.v1, sallyport.ticket.c2lnbmF0dXJlcw'],
  ['the cookie of a session', 'cookie: theme=dark; better-auth.session_token=c2lnbmF0dXJlcw'],
])('%s in a line of the console is recognised', (_what, line) => {
  expect(holdsCredential(line)).toBe(true)
})

test.each(['session 0123456789abcdef was revoked', 'offers sallyport.v1', 'eyJ is how a token begins'])(
  '"%s" is none',
  (line) => {
    expect(holdsCredential(line)).toBe(false)
  },
)
