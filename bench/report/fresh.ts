import type { Crowded } from '../crowded.ts'
import type { Garbage } from '../garbage.ts'
import { type Growth, type GrowthStep, type Memory, semiSpaceMiB } from '../held.ts'
import { referencePeer } from '../peer.ts'
import type { Waiting } from '../slow-handler.ts'
import { atOnce, type Storm } from '../storm.ts'
import { figure, ratio, spreadOf, table, times } from './cells.ts'

/** Allocated bytes (G). */
export function garbageSection(garbage: readonly Garbage[]): readonly string[] {
  const [first] = garbage
  if (first === undefined) return []
  const reference = garbage.find(({ peer }) => peer === referencePeer)
  const rows = garbage.map(({ peer, each }) => [
    peer,
    ...each.flatMap(({ bytes }, index) => [
      whole(bytes),
      besideReference(bytes, reference?.each[index]?.bytes),
    ]),
  ])
  return [
    '## G: bytes allocated in the heap, for each handshake (A, F, Fb) and each message (B1, B16), warm',
    table(['peer', ...first.each.flatMap(({ id }) => [id, '÷ ws'])], rows),
  ]
}

/** What waits before a slow handler (Q). */
export function waitingSection(waiting: readonly Waiting[]): readonly string[] {
  const [first, last] = [waiting[0], waiting.at(-1)]
  if (first === undefined || last === undefined) return []
  return [
    '## Q: sallyport, messages of one sender on their way to a handler that is asynchronous and slow',
    table(
      ['on their way', 'messages/s', 'server µs each', '÷ that of 1'],
      waiting.map((one) => [
        figure(one.waiting),
        spreadOf(one.rate),
        spreadOf(one.microseconds),
        ratio(one.microseconds.median / first.microseconds.median),
      ]),
    ),
  ]
}

/** Memory of idle connections (D, Ds). */
export function memorySections(memory: readonly Memory[]): readonly string[] {
  return [
    ...memorySection(
      'D: memory of idle, authenticated connections',
      memory.filter(({ id }) => id === 'D'),
    ),
    ...memorySection(
      `Ds: the same with \`--max-semi-space-size=${semiSpaceMiB}\``,
      memory.filter(({ id }) => id === 'Ds'),
    ),
  ]
}

function memorySection(title: string, memory: readonly Memory[]): readonly string[] {
  if (memory.length === 0) return []
  const reference = memory.find(({ peer }) => peer === referencePeer)
  const heads = [
    'peer',
    'connections',
    'KB each',
    '÷ ws',
    'KB each, later ones',
    '÷ ws',
    'live heap bytes each',
    '÷ ws',
    'MB empty',
    'MB full',
    'connects/s',
  ]
  const rows = memory.map((one) => [
    one.peer,
    figure(one.connections),
    figure(one.kbEach),
    besideReference(one.kbEach, reference?.kbEach),
    figure(one.kbEachLater),
    besideReference(one.kbEachLater, reference?.kbEachLater),
    whole(one.heapBytesEach),
    besideReference(one.heapBytesEach, reference?.heapBytesEach),
    figure(one.baselineKb / 1_024),
    figure(one.residentKb / 1_024),
    figure(one.rampPerSecond),
  ])
  return [`## ${title}`, table(heads, rows)]
}

/** How cost grows with a room (E). */
export function growthSection(growth: readonly Growth[]): readonly string[] {
  if (growth.length === 0) return []
  const members = growth[0]?.steps.map((step) => `${figure(step.members)} members`) ?? []
  const rows = growth.map(({ peer, steps }) => {
    const [first, last] = [steps[0], steps.at(-1)]
    const cost =
      first === undefined || last === undefined ? Number.NaN : last.microseconds / first.microseconds
    const cells = steps.map(stepCell)
    return [peer, ...cells, ratio(cost)]
  })
  return [
    '## E: one room that grows, 2 in flight: deliveries/s, new handshakes/s, server µs per delivery',
    table(['peer', ...members, 'µs, last ÷ first'], rows),
  ]
}

function stepCell(step: GrowthStep): string {
  const { deliveriesPerSecond, handshakesPerSecond, microseconds, lost } = step
  const rates = `${figure(deliveriesPerSecond)} d/s, ${figure(handshakesPerSecond)} hs/s`
  const figures = `${rates}, ${figure(microseconds)} µs`
  return lost > 0 ? `${figures}, **${lost} lost**` : figures
}

/** Handshakes while many connections are open (H). */
export function crowdedSection(crowded: readonly Crowded[]): readonly string[] {
  const [first] = crowded
  if (first === undefined) return []
  const heads = ['peer', 'empty: handshakes/s', 'server µs each', 'full: handshakes/s', 'server µs each']
  return [
    `## H: accepted handshakes while ${figure(first.open)} connections are open, beside those on an empty server`,
    table(
      [...heads, 'rate, full ÷ empty', 'µs, full ÷ empty'],
      crowded.map(({ peer, empty, beside }) => [
        peer,
        figure(empty.perSecond),
        figure(empty.microseconds),
        figure(beside.perSecond),
        figure(beside.microseconds),
        ratio(beside.perSecond / empty.perSecond),
        ratio(beside.microseconds / empty.microseconds),
      ]),
    ),
  ]
}

/** How soon all are back after a restart (S). */
export function stormsSection(storms: readonly Storm[]): readonly string[] {
  const [first] = storms
  if (first === undefined) return []
  const title = `S: ${figure(first.connections)} connections come back to a fresh process, ${atOnce} at a time`
  return [
    `## ${title}`,
    table(
      ['peer', 's until all are in', '÷ ws', 'server µs each', 'ms to listen', 'failures'],
      storms.map((one) => [
        one.peer,
        spreadOf(one.seconds),
        times(one.ratio),
        spreadOf(one.microseconds),
        spreadOf(one.startMs),
        String(one.failures),
      ]),
    ),
  ]
}

function besideReference(value: number | null, reference: number | null | undefined): string {
  return value === null || reference === null || reference === undefined ? '–' : ratio(value / reference)
}

/** Bytes are exact. */
function whole(value: number | null): string {
  return value === null ? '–' : Math.round(value).toLocaleString('en')
}
