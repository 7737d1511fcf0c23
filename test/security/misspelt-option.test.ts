// An `authorize` that was misspelt must not let every user in.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { anyOf, anyone, type Authenticator, consumer, contract, endpoint, optional } from '../../src/index.ts'
import { visit } from '../../src/testing.ts'

const chat = contract('/ws/chat/:room', {})
const granted = contract('/ws/granted', { grant: z.object({ canWrite: z.boolean() }) })
const rules: Readonly<Record<string, () => boolean>> = { lobby: () => false }
const authenticators: Readonly<Record<string, Authenticator<unknown>>> = {}

// proves: misspelt-rule
test.each([
  ['undefined, of a misspelt name', rules['lobbi']],
  ['null', null],
  ['a string', 'member'],
  ['a promise', Promise.resolve(() => false)],
  ['an object', {}],
  ['true', true],
])('an authorize that is %s stops the start, and is named with its place', (_, authorize) => {
  // what a program without types could write
  const demands = { auth: anyone, authorize } as { auth: typeof anyone }
  const sentence = "the endpoint at '/ws/chat/:room': the option 'authorize' is a function, not "
  expect(() => consumer(chat, demands, () => ({}))).toThrow(sentence)
  expect(() => endpoint(chat, demands, async () => {})).toThrow(sentence)
})

test.each(['authorise', 'authorize_', 'Authorize', 'autorize', 'athorize'])(
  'an authorize called %s stops the start',
  (name) => {
    const demands = { auth: anyone, [name]: () => false }
    expect(() => consumer(chat, demands, () => ({}))).toThrow(
      `the endpoint at '/ws/chat/:room' has no option '${name}': did you mean 'authorize'?`,
    )
  },
)

test('a contract with a grant has an authorize that gives it', () => {
  const demands = { auth: anyone } as never
  expect(() => consumer(granted, demands, () => ({}))).toThrow(
    "the endpoint at '/ws/granted' needs an 'authorize'",
  )
  expect(() => endpoint(granted, demands, async () => {})).toThrow("needs an 'authorize'")
})

test('an auth that is no authenticator stops the start, alone or among others', () => {
  const missing = authenticators['member'] as typeof anyone
  expect(() => consumer(chat, { auth: missing }, () => ({}))).toThrow("the option 'auth' is an authenticator")
  expect(() => consumer(chat, {} as never, () => ({}))).toThrow("the option 'auth' is an authenticator")
  expect(() => anyOf(anyone, missing)).toThrow('the argument of anyOf() is an authenticator, not undefined')
  expect(() => optional(missing)).toThrow('the argument of optional() is an authenticator, not undefined')
})

test('without an authorize everyone whom auth accepts is accepted', async () => {
  const open = consumer(chat, { auth: anyone }, () => ({}))
  const guest = await visit(open, { room: 'lobby' }, { user: null })
  guest.leave()
  expect(await guest.closed).toMatchObject({ code: 1000 })
})
