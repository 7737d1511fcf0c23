import { expect, test } from 'vitest'
import { z } from 'zod'
import { anyone, consumer, contract, memory } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { changedLinks, linkOf } from '../../support/links.ts'

const news = contract('/ws/news', {
  server: { kept: z.object({ n: z.number() }), passing: z.object({ n: z.number() }), loose: z.any() },
  history: { size: 10 },
})
const reader = consumer(news, { auth: anyone }, () => ({}))
const guest = { headers: {} }

test('a message that is not kept does not overtake a kept one', async () => {
  const server = testServer()
  const alice = await visit(reader, {}, { ...guest, server })
  const group = server.group(news)
  await Promise.all([
    group.send('kept', { n: 1 }),
    group.send('passing', { n: 2 }, { keep: false }),
    group.send('kept', { n: 3 }),
    group.send('passing', { n: 4 }, { keep: false }),
  ])
  const got: unknown[] = []
  for (let count = 0; count < 4; count++) got.push(await alice.next())
  expect(got.map((one) => (one as { n: number }).n)).toEqual([1, 2, 3, 4])
})

test.each([true, false])(
  'a message of one process has reached its members when send returns; kept: %s',
  async (keep) => {
    const sent: unknown[] = []
    const server = testServer({ on: (event) => void (event.type === 'sent' && sent.push(event.receivers)) })
    await visit(reader, {}, { ...guest, server })
    const sending = server.group(news).send('loose', { n: 1 }, { keep })
    expect(sent).toEqual([1])
    await sending
  },
)

test('a send that fails holds up nothing that follows it', async () => {
  let away = true
  const server = testServer({
    report: () => {},
    layer: changedLinks(memory(), (link) => ({
      publish: (topic, pack, keep) =>
        away && keep !== undefined ? Promise.reject(new Error('away')) : link.publish(topic, pack, keep),
    })),
  })
  const alice = await visit(reader, {}, { ...guest, server })
  const failed = server.group(news).send('kept', { n: 1 })
  const passing = server.group(news).send('passing', { n: 2 }, { keep: false })
  await expect(failed).rejects.toThrow('away')
  away = false
  await passing
  expect(await alice.next()).toMatchObject({ n: 2 })
})

test('a message that is not kept waits for all kept ones, also when answers swap', async () => {
  const { promise: first, resolve: place } = Promise.withResolvers<void>()
  let count = 0
  const server = testServer({
    layer: changedLinks(memory(), (link) => ({
      publish: async (topic, pack, keep) => {
        if (keep !== undefined && ++count === 1) await first
        return link.publish(topic, pack, keep)
      },
    })),
  })
  const alice = await visit(reader, {}, { ...guest, server })
  const group = server.group(news)
  const kept = [group.send('kept', { n: 1 }), group.send('kept', { n: 2 })]
  await kept[1]
  const passing = group.send('passing', { n: 3 }, { keep: false })
  await settled()
  place()
  await Promise.all([...kept, passing])
  const got: unknown[] = []
  for (let message = 0; message < 3; message++) got.push(await alice.next())
  expect(got).toMatchObject([{ n: 2 }, { n: 1 }, { n: 3 }])
})

test('a layer that never answers holds up a hundred kept messages for 5 seconds together', async () => {
  const clock = testClock()
  const server = testServer({
    clock,
    report: () => {},
    layer: changedLinks(memory({ clock }), (link) => ({
      publish: (topic, pack, keep) =>
        keep === undefined ? link.publish(topic, pack) : new Promise(() => {}),
    })),
  })
  const group = server.group(news)
  const failed: unknown[] = []
  for (let n = 0; n < 100; n++)
    group.send('kept', { n }).catch((error: unknown) => failed.push((error as { code: string }).code))
  await clock.advance(5_000)
  expect(failed).toEqual(Array.from({ length: 100 }, () => 'ERR_LAYER'))
  await group.send('passing', { n: 100 }, { keep: false })
})

test.each([
  ['of the kept ones', [true, true, true, true, true]],
  ['of both', [true, false, true, true, false]],
  ['of both, the other way round', [false, true, false, false, true]],
])('many messages at once, %s, are heard in the order of send on every node', async (_, kinds) => {
  const layer = memory()
  const [here, there] = [testServer({ layer }), testServer({ layer })]
  const readers = [
    await visit(reader, {}, { ...guest, server: here }),
    await visit(reader, {}, { ...guest, server: there }),
  ]
  const kept = Array.from({ length: 20 }, () => kinds).flat()
  await Promise.all(kept.map((keep, n) => here.group(news).send(keep ? 'kept' : 'passing', { n }, { keep })))
  const order = kept.map((_kept, n) => n)
  for (const one of readers) {
    const got: unknown[] = []
    while (got.length < kept.length) got.push(await one.next())
    expect(got.map((message) => (message as { n: number }).n)).toEqual(order)
  }
})

test.each([
  ['an array', [1]],
  ['a text', 'hello'],
  ['a date, which JSON makes a text', new Date(0)],
  ['null', null],
])('%s is no named message, for any listener', async (_, data) => {
  const server = testServer({ report: () => {} })
  await expect(server.group(news).send('loose', data)).rejects.toThrow(TypeError)
})

test('a message of the layer that cannot be encoded ends nothing, and what follows it is heard', async () => {
  const layer = memory()
  const faults: unknown[] = []
  const server = testServer({ layer, node: 'here', report: (error) => faults.push(error) })
  const alice = await visit(reader, {}, { ...guest, server })
  const topics: string[] = []
  const spy = testServer({
    node: 'there',
    layer: changedLinks(layer, (link) => ({
      publish: (topic, pack) => (topics.push(topic), link.publish(topic, pack)),
    })),
  })
  await spy.group(news).send('passing', { n: 1 }, { keep: false })
  expect(await alice.next('passing')).toEqual({ n: 1 })
  const [topic = ''] = topics
  const hostile = await linkOf(layer, 'hostile')
  const head = JSON.stringify({
    type: 'loose',
    slow: 'close',
    key: '',
    except: null,
    at: null,
    kind: 'json',
  })
  const bytes = new TextEncoder().encode(`....${head}this is no JSON`)
  new DataView(bytes.buffer).setUint32(0, head.length)
  for (const nonsense of [bytes, new Uint8Array(), new Uint8Array([0xff, 0xff, 0xff, 0xff, 0])])
    await hostile.publish(topic, () => nonsense)
  await settled()
  await spy.group(news).send('passing', { n: 2 }, { keep: false })
  expect(await alice.next('passing')).toEqual({ n: 2 })
  expect(faults).toHaveLength(3)
})

test('a layer whose unsubscribing fails is reported, and ends nothing', async () => {
  const faults: unknown[] = []
  const server = testServer({
    report: (error) => faults.push(error),
    layer: changedLinks(memory(), () => ({
      subscribe: async () => () => {
        throw new Error('the layer is away')
      },
    })),
  })
  const alice = await visit(reader, {}, { ...guest, server })
  alice.leave()
  await settled()
  expect(faults).not.toEqual([])
})

test('a history gives back what was sent, whatever its keys are called', async () => {
  const server = testServer({ report: () => {} })
  await server.group(news).send('loose', { constructor: 'Ferrari' })
  const { messages } = await server.group(news).history()
  expect(messages.map(({ data }) => data)).toEqual([{ constructor: 'Ferrari' }])
})
