import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sallyport } from '../../../src/server.ts'
import { sendingOf } from '../../../src/core/server-messenger.ts'
import { contract } from '../../../src/wire/contract.ts'

const chat = contract('/ws/chat', { server: { said: z.looseObject({ text: z.string() }) } })
const bare = contract('/ws/bare', { server: z.object({ type: z.string() }) })

describe('what is sent', () => {
  test('is a type with data, or data alone for an unnamed shape', () => {
    expect(sendingOf(chat, ['said', { text: 'a' }, { key: 'k' }], false)).toMatchObject({
      type: 'said',
      data: { text: 'a' },
      options: { key: 'k' },
    })
    expect(sendingOf(bare, [{ type: 'anything' }], false)).toMatchObject({
      type: null,
      data: { type: 'anything' },
    })
  })

  test('has no type that the contract does not know', () => {
    for (const type of ['shouted', 'constructor', undefined, 7])
      expect(() => sendingOf(chat, [type, {}], false)).toThrow(TypeError)
  })

  test('cannot pose as another type by a field of its data', () => {
    expect(() => sendingOf(chat, ['said', { text: 'a', type: 'error' }], false)).toThrow(
      'a field called type',
    )
  })

  test('is checked where tests ask for it', () => {
    expect(() => sendingOf(chat, ['said', { text: 7 }], true)).toThrow(TypeError)
    expect(() => sendingOf(chat, ['said', { text: 7 }], false)).not.toThrow()
  })
})

test('a message sent after the server has closed is rejected, and is no fault', async () => {
  const faults: unknown[] = []
  const server = sallyport({ report: (error) => faults.push(error) })
  await server.close()
  await expect(server.group(chat).send('said', { text: 'too late' })).rejects.toMatchObject({
    code: 'ERR_CLOSED',
  })
  expect(faults).toEqual([])
})
