import { describe, expect, test } from 'vitest'
import type { Link } from '../../../src/core/api/layer.ts'
import {
  anyone,
  consumer,
  contract,
  event,
  type Layer,
  memory,
  type Server,
  type SallyportEvent,
} from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testLayer, testServer, visit } from '../../../src/testing.ts'
import { changedLinks } from '../../support/links.ts'
import { z } from 'zod'
import { closeAfterTest } from '../../support/close-after-test.ts'

const line = z.object({ n: z.number() })
const kept = contract('/ws/kept', {
  server: { said: line, typing: event(line, { keep: false }) },
  history: { size: 100, for: '5m' },
})
const short = contract('/ws/short', { server: { said: line }, history: { size: 2, for: '5m' } })
const unkept = contract('/ws/unkept', { server: { said: line } })
const room = consumer(kept, { auth: anyone }, () => ({}))
const brief = consumer(short, { auth: anyone }, () => ({}))
const plain = consumer(unkept, { auth: anyone }, () => ({}))
/** Two nodes, and what the second one tells of lost messages. */
function twoNodes(clock = testClock(), layer: Layer = testLayer({ clock })) {
  const missed: unknown[] = []
  const node = (name: string): Server => {
    const on = (told: SallyportEvent): void => {
      if (told.type === 'missed' && told.node === 'there') missed.push([told.contract, told.kept])
    }
    const server = testServer({ layer, clock, node: name, on, report: () => {} })
    closeAfterTest(server)
    return server
  }
  return { clock, missed, here: node('here'), there: node('there') }
}

/** Someone who is inside, and the numbers that they have heard. */
async function reader(coming: Promise<{ nothing(): Promise<void>; next(): Promise<unknown> }>) {
  const visitor = await coming
  const numbers = async (): Promise<readonly unknown[]> => {
    const all: unknown[] = []
    await settled()
    for (;;) {
      const isOver = await visitor.nothing().then(
        () => true,
        () => false,
      )
      if (isOver) return all
      const { n } = (await visitor.next()) as { readonly n: number }
      all.push(n)
    }
  }
  return { numbers }
}

const numbered = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('a node that has missed messages of a group', () => {
  test('hands on kept ones in their order, when the next one comes', async () => {
    const clock = testClock()
    const layer = testLayer({ clock })
    const { here, there, missed } = twoNodes(clock, layer)
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    await here.group(kept).send('said', { n: 1 })
    layer.cut('there')
    for (const n of [2, 3, 4]) await here.group(kept).send('said', { n })
    layer.restore('there')
    await here.group(kept).send('said', { n: 5 })
    expect([await ada.numbers(), missed]).toEqual([[1, 2, 3, 4, 5], []])
  })

  test('hands on the first one as well, of which no message before it tells', async () => {
    const clock = testClock()
    const layer = testLayer({ clock })
    const { here, there, missed } = twoNodes(clock, layer)
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    layer.cut('there')
    await here.group(kept).send('said', { n: 1 })
    layer.restore('there')
    await here.group(kept).send('said', { n: 2 })
    // it was [2], without a word
    expect([await ada.numbers(), missed]).toEqual([[1, 2], []])
  })

  test('tells operators of nothing when the group was only quiet, for however long', async () => {
    const clock = testClock()
    const { here, there, missed } = twoNodes(clock, testLayer({ clock }))
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    for (const [n, minutes] of [4, 6, 8, 13, 20].entries()) {
      for (let count = 0; count < 6 * minutes; count++) await clock.advance(10_000)
      await here.group(kept).send('said', { n })
    }
    expect([await ada.numbers(), missed]).toEqual([[0, 1, 2, 3, 4], []])
  })

  test('hands on what it has missed of a log that was begun anew after a quiet time', async () => {
    const clock = testClock()
    const layer = testLayer({ clock })
    const { here, there, missed } = twoNodes(clock, layer)
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    await here.group(kept).send('said', { n: 1 })
    for (let count = 0; count < 60; count++) await clock.advance(10_000)
    layer.cut('there')
    await here.group(kept).send('said', { n: 2 })
    layer.restore('there')
    await here.group(kept).send('said', { n: 3 })
    expect([await ada.numbers(), missed]).toEqual([[1, 2, 3], []])
  })

  test('tells operators of kept ones that have grown too old meanwhile', async () => {
    const clock = testClock()
    const layer = testLayer({ clock })
    const { here, there, missed } = twoNodes(clock, layer)
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    layer.cut('there')
    await here.group(kept).send('said', { n: 1 })
    for (let count = 0; count < 31; count++) await clock.advance(10_000)
    layer.restore('there')
    await here.group(kept).send('said', { n: 2 })
    expect([await ada.numbers(), missed]).toEqual([[2], [['/ws/kept', true]]])
  })

  test('hands no message to a socket that came in after it was sent', async () => {
    const clock = testClock()
    const layer = testLayer({ clock })
    const { here, there } = twoNodes(clock, layer)
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    await here.group(kept).send('said', { n: 1 })
    layer.cut('there')
    await here.group(kept).send('said', { n: 2 })
    await clock.advance(1_000)
    layer.restore('there')
    const bob = await reader(visit(room, {}, { headers: {}, server: there }))
    await here.group(kept).send('said', { n: 3 })
    expect([await ada.numbers(), await bob.numbers()]).toEqual([[1, 2, 3], [3]])
  })

  test('tells operators of kept ones that the history does not have any more', async () => {
    const clock = testClock()
    const layer = testLayer({ clock })
    const { here, there, missed } = twoNodes(clock, layer)
    const ada = await reader(visit(brief, {}, { headers: {}, server: there }))
    await here.group(short).send('said', { n: 1 })
    layer.cut('there')
    for (const n of numbered(2, 6)) await here.group(short).send('said', { n })
    layer.restore('there')
    await here.group(short).send('said', { n: 7 })
    expect([await ada.numbers(), missed]).toEqual([[1, 6, 7], [['/ws/short', true]]])
  })

  test('tells operators of messages that were not kept', async () => {
    const clock = testClock()
    const layer = testLayer({ clock })
    const { here, there, missed } = twoNodes(clock, layer)
    const ada = await reader(visit(plain, {}, { headers: {}, server: there }))
    layer.cut('there')
    await here.group(unkept).send('said', { n: 1 })
    layer.restore('there')
    for (const n of [2, 3]) await here.group(unkept).send('said', { n })
    expect([await ada.numbers(), missed]).toEqual([[2, 3], [['/ws/unkept', false]]])
  })
})

/** A layer over which the second node hears what it is told to, and reads a log when it may. */
function bent(change: {
  readonly hear?: (n: number, hand: () => void) => void
  readonly range?: (read: () => ReturnType<Link['range']>) => ReturnType<Link['range']>
}) {
  const clock = testClock()
  let heard = 0
  const layer = changedLinks(memory({ clock }), (link, node) =>
    node === 'here'
      ? {}
      : {
          subscribe: (topic, hear) =>
            link.subscribe(topic, (delivery) => {
              if (delivery.placed === null || change.hear === undefined) return hear(delivery)
              change.hear(++heard, () => hear(delivery))
            }),
          range: (topic, rules, after) => {
            const read = () => link.range(topic, rules, after)
            const isFill = rules.space === 'history' && after !== 'head'
            return isFill && change.range !== undefined ? change.range(read) : read()
          },
        },
  )
  return twoNodes(clock, layer)
}

describe('kept messages that the layer hands on', () => {
  test('in another order are heard in their order, each once', async () => {
    let late: () => void = () => {}
    const { here, there, missed } = bent({
      // the second and the third change places, and the fourth comes twice
      hear: (n, hand) => {
        if (n === 2) late = hand
        else hand()
        if (n === 3) late()
        if (n === 4) hand()
      },
    })
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    for (const n of numbered(1, 5)) await here.group(kept).send('said', { n })
    await settled()
    expect([await ada.numbers(), missed]).toEqual([[1, 2, 3, 4, 5], []])
  })

  test('while what came before them is read wait for that, as do those that are not kept', async () => {
    const reading = Promise.withResolvers<void>()
    const { here, there } = bent({
      hear: (n, hand) => (n === 2 ? undefined : hand()),
      range: async (read) => (await reading.promise, read()),
    })
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    for (const n of [1, 2, 3]) await here.group(kept).send('said', { n })
    await here.group(kept).send('typing', { n: 4 })
    await here.group(kept).send('said', { n: 5 })
    expect(await ada.numbers()).toEqual([1])
    reading.resolve()
    expect(await ada.numbers()).toEqual([2, 3, 4, 5])
  })

  test('in a crowd while what came before them is read are read as well, and none is lost', async () => {
    const reading = Promise.withResolvers<void>()
    const { here, there, missed } = bent({
      hear: (n, hand) => (n === 2 ? undefined : hand()),
      range: async (read) => (await reading.promise, read()),
    })
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    for (const n of numbered(1, 90)) await here.group(kept).send('said', { n })
    reading.resolve()
    expect([await ada.numbers(), missed]).toEqual([numbered(1, 90), []])
  })

  test('are heard without those that cannot be read, which operators are told', async () => {
    const { here, there, missed } = bent({
      hear: (n, hand) => (n === 2 ? undefined : hand()),
      range: () => Promise.reject(new Error('the log is away')),
    })
    const ada = await reader(visit(room, {}, { headers: {}, server: there }))
    for (const n of numbered(1, 4)) await here.group(kept).send('said', { n })
    expect([await ada.numbers(), missed]).toEqual([[1, 3, 4], [['/ws/kept', true]]])
  })
})
