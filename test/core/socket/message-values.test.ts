import { expect, test } from 'vitest'
import { consumer, contract, sallyport, type Schema, text } from '../../../src/index.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName } from '../support/members.ts'

const path = '/ws/values'

/** A schema that takes everything, and counts how often it is asked. */
function counted(): { readonly schema: Schema; readonly asked: () => number } {
  let asked = 0
  const validate = (value: unknown) => {
    asked++
    return { value }
  }
  return { schema: { '~standard': { version: 1, vendor: 'test', validate } }, asked: () => asked }
}

const list = (length: number): readonly number[] => Array.from({ length }, (_, at) => at)

// proves: poisonous-json
test('a message with too many values is refused before its validator is asked', async () => {
  const { schema, asked } = counted()
  const heard: unknown[] = []
  const lists = contract(path, {
    client: { list: schema },
    server: text,
    calls: { sum: { input: schema, output: schema } },
  })
  const application = consumer(lists, { auth: byName }, () => ({
    on: { list: (message) => heard.push(message) },
    calls: { sum: () => 0 },
  }))
  const visitor = await visit(application, {}, { user: ada, server: testServer() })
  const before = asked()
  visitor.raw(JSON.stringify({ op: 'msg', in: path, id: 'a', type: 'list', data: list(1_100) }))
  visitor.raw(JSON.stringify({ op: 'call', in: path, id: 'b', type: 'sum', data: list(1_100) }))
  for (const id of ['a', 'b'])
    expect(await visitor.next()).toMatchObject({ status: 400, code: 'too-many-values', id })
  expect([asked() - before, heard]).toEqual([0, []])
  visitor.raw(JSON.stringify({ op: 'msg', in: path, type: 'list', data: list(1_000) }))
  await visitor.nothing()
  expect([asked() - before, heard]).toEqual([1, [list(1_000)]])
})

test('the header of a binary frame is bounded likewise', async () => {
  const { schema, asked } = counted()
  const lists = contract(path, { client: { list: schema }, server: text })
  const application = consumer(lists, { auth: byName }, () => ({ on: { list: () => {} } }))
  const visitor = await visit(application, {}, { user: ada, server: testServer() })
  const before = asked()
  const header = new TextEncoder().encode(
    JSON.stringify({ op: 'msg', in: path, id: 'x', type: 'list', trace: list(1_100) }),
  )
  visitor.raw(Uint8Array.from([header.length >> 8, header.length & 255, ...header]))
  expect(await visitor.next()).toMatchObject({ status: 400, code: 'too-many-values', id: 'x' })
  expect(asked()).toBe(before)
})

test('an endpoint may ask for more values, or fewer, than the server', async () => {
  const lists = contract(path, { client: counted().schema, server: text })
  const server = testServer({ limits: { messageValues: 100 } })
  const wide = consumer(lists, { auth: byName, limits: { values: 2_000 } }, () => ({ message: () => {} }))
  const narrow = consumer(lists, { auth: byName }, () => ({ message: () => {} }))
  await (await visit(wide, {}, { user: ada, server })).send(list(1_900))
  await expect((await visit(narrow, {}, { user: ada, server })).send(list(200))).rejects.toMatchObject({
    reason: 'too-many-values',
  })
})

test.each([0, -1, 1.5, 2 ** 31, Number.NaN, '10', null])('%s values stop the start', (values) => {
  const lists = contract(path, { client: text })
  const limits = { values: values as number }
  expect(() => consumer(lists, { auth: byName, limits }, () => ({ message: () => {} }))).toThrow(TypeError)
  expect(() => sallyport({ limits: { messageValues: values as number } })).toThrow(TypeError)
})
