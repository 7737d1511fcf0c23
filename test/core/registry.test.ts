import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { type Holder, isMeant, Registry } from '../../src/core/registry.ts'

const holder: Holder = { tenant: '', subject: 'ada', session: 's1', token: 't1', room: 'lobby' }
const selectors = [{ user: 'ada' }, { session: 's1' }, { token: 't1' }, { room: 'lobby' }]

test('who names nobody means nobody', () => {
  expect(isMeant({}, holder)).toBe(false)
})

test.each(selectors)(
  'a socket that has ended is not found by %j, whoever shared that with it',
  (selector) => {
    const registry = new Registry<{ holder: Holder }>()
    const [one, other] = [{ holder }, { holder }]
    registry.add(one)
    expect(registry.find(selector)).toEqual([one])
    registry.delete(one)
    expect(registry.find(selector)).toEqual([])
    for (const socket of [one, other]) registry.add(socket)
    registry.delete(one)
    expect(registry.find(selector)).toEqual([other])
    registry.delete(other)
    expect([registry.find(selector), registry.of(holder), registry.size]).toEqual([[], [], 0])
  },
)

test('a socket that has ended is not found by what it would hold now', () => {
  const registry = new Registry<{ holder: Holder }>()
  const socket = { holder }
  registry.add(socket)
  registry.delete(socket)
  registry.move(socket, { ...holder, session: 's2' })
  expect(registry.find({ session: 's2' })).toEqual([])
})

test('of sockets that have ended nothing is kept, however many people had two of them', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const registry = new Registry<{ holder: Holder }>()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let person = 0; person < 50_000; person++) {
    const theirs = { ...holder, subject: `person ${person}` }
    const sockets = [{ holder: theirs }, { holder: theirs }]
    for (const socket of sockets) registry.add(socket)
    for (const socket of sockets) registry.delete(socket)
  }
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000)
  expect(registry.size).toBe(0)
})
