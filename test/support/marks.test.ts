import { expect, test } from 'vitest'
import { mark, Witness } from './marks.ts'

const secret = mark()
const token = `e30.${Buffer.from(`{"a":"${secret}"}`).toString('base64url')}.c2ln`

test.each<[string, unknown]>([
  ['as it is', `before ${secret} after`],
  ['in capitals', secret.toUpperCase()],
  ['in base64 with one byte before it', Buffer.from(`:${secret}`).toString('base64')],
  ['in base64 with two bytes before it', Buffer.from(`a:${secret}:b`).toString('base64')],
  ['in base64 with three bytes before it', Buffer.from(`ab:${secret}`).toString('base64url')],
  ['in a token within a subprotocol', Buffer.from(token).toString('base64url')],
  ['in hex', Buffer.from(`a${secret}`).toString('hex')],
  ['percent-encoded throughout', Buffer.from(secret).toString('hex').replace(/../g, '%$&')],
  ['in bytes', Buffer.from(`\xff${secret}\0`)],
  ['in the cause of a cause', new Error('a', { cause: new Error('b', { cause: { deep: [secret] } }) })],
  ['in a field of an error', Object.assign(new Error('a'), { detail: secret })],
  ['in a hidden property', Object.defineProperty({}, 'hidden', { value: secret })],
  ['in a map', new Map([['a', new Set([secret])]])],
])('a secret is found %s', (_, said) => {
  const witness = new Witness()
  witness.hear('somewhere', said)
  expect(witness.findings({ secret })).not.toEqual([])
})

test('a secret with characters that are escaped is found quoted and percent-encoded', () => {
  const odd = 'a "quoted"/word+='
  const witness = new Witness()
  witness.hear('json', JSON.stringify({ odd }))
  witness.hear('url', `/?token=${encodeURIComponent(odd)}`)
  expect(witness.findings({ odd })).toHaveLength(2)
})

test('nothing is found where there is only a hash', () => {
  const witness = new Witness()
  witness.hear('somewhere', Buffer.from(secret).toString('base64').slice(0, 12), { token: 'other' })
  expect(witness.findings({ secret })).toEqual([])
})
