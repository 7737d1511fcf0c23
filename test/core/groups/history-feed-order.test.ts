import { expect, test } from 'vitest'
import type { LogEntry, LogRange, Placing } from '../../../src/core/api/layer.ts'
import { type GroupMessage, packGroupMessage } from '../../../src/core/groups/group-message.ts'
import { HistoryFeed } from '../../../src/core/groups/history-feed.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import type { Position } from '../../../src/wire/frame.ts'

const message = (text: string): GroupMessage => ({
  type: null,
  body: { kind: 'text', text },
  slow: 'close',
  key: '',
  except: null,
  at: null,
})
const at = (offset: number, epoch = 'e1'): Position => ({ epoch, offset })
const placing = (offset: number, epoch = 'e1'): Placing => ({
  at: at(offset, epoch),
  prev: at(offset - 1, epoch),
})
const entry = (offset: number, epoch = 'e1'): LogEntry => ({
  ...placing(offset, epoch),
  value: packGroupMessage(message(`read ${offset}`)),
  ageMs: 0,
})

/** A feed whose log is read when the test says what it holds. */
function feed() {
  const clock = testClock()
  const delivered: string[] = []
  const lost: unknown[] = []
  const reads: { readonly after: Position | 'all' | 'head'; answer(range: LogRange): void; fail(): void }[] =
    []
  const history = new HistoryFeed({
    link: {
      range: (_topic, _rules, after) =>
        new Promise((answer, reject) =>
          reads.push({ after, answer, fail: () => reject(new Error('the log is away')) }),
        ),
    },
    topic: 't',
    rules: { space: 'history', size: 100, forMs: 60_000 },
    clock,
    deliver: ({ body }) => void delivered.push(body.kind === 'text' ? body.text : body.kind),
    lost: (kept, error) => void lost.push([kept, error === null ? null : String(error)]),
  })
  const hears = (offset: number, epoch?: string): void =>
    history.hear(message(`heard ${offset}`), placing(offset, epoch))
  const hearsUnkept = (text: string): void => history.hear(message(text), null)
  const answers = async (offsets: readonly number[], more: Partial<LogRange> = {}): Promise<void> => {
    reads.at(-1)?.answer({ head: at(0), complete: true, entries: offsets.map((one) => entry(one)), ...more })
    await settled()
  }
  /** Says where the log ends. */
  const begins = async (head: Position): Promise<void> => {
    const beginning = history.begin()
    reads.at(-1)?.answer({ head, complete: true, entries: [] })
    await beginning
    reads.length = 0
  }
  return { clock, delivered, lost, reads, history, hears, hearsUnkept, answers, begins }
}

test('without a known end of the log the first message is the first, and the next one follows it', () => {
  const { hears, delivered, reads } = feed()
  hears(5)
  hears(6)
  expect([delivered, reads.length]).toEqual([['heard 5', 'heard 6'], 0])
})

test('a message that names none before it is taken as the next', async () => {
  const { history, begins, delivered, reads } = feed()
  await begins(at(3))
  history.hear(message('alone'), { at: at(9), prev: null })
  expect([delivered, reads.length]).toEqual([['alone'], 0])
})

test('a message that was delivered is not delivered again, whether heard or read', async () => {
  const { hears, begins, answers, delivered } = feed()
  await begins(at(0))
  hears(1)
  hears(1)
  hears(3)
  hears(3)
  await answers([1, 2, 3])
  hears(2)
  expect(delivered).toEqual(['heard 1', 'read 2', 'heard 3'])
})

test('positions with another mark are other positions', async () => {
  const { history, begins, reads } = feed()
  await begins({ epoch: 'e1', offset: 1, mark: 'a' })
  history.hear(message('x'), { at: at(2), prev: { epoch: 'e1', offset: 1, mark: 'b' } })
  expect(reads).toHaveLength(1)
})

test('a gap behind the messages that waited is read as well', async () => {
  const { hears, begins, answers, delivered, reads } = feed()
  await begins(at(0))
  hears(2)
  hears(4)
  await answers([1, 2])
  expect([delivered, reads.length]).toEqual([['read 1', 'heard 2'], 2])
  await answers([3, 4])
  expect(delivered).toEqual(['read 1', 'heard 2', 'read 3', 'heard 4'])
})

test('when the log cannot be read, what waits is delivered, and no second read is tried for it', async () => {
  const { hears, hearsUnkept, begins, delivered, lost, reads } = feed()
  await begins(at(0))
  hearsUnkept('before')
  hears(2)
  hearsUnkept('between')
  hears(4)
  reads[0]?.fail()
  await settled()
  expect(delivered).toEqual(['before', 'heard 2', 'between', 'heard 4'])
  expect([lost, reads.length]).toEqual([[[true, 'Error: the log is away']], 1])
})

test.each([
  [false, 'e2', { epoch: 'e1', offset: 0 }],
  [true, 'e1', { epoch: 'e1', offset: 0 }],
  [true, 'e2', 'all'],
] as const)(
  'after a quiet time %s a message of the log %s has it read after %j',
  async (isQuiet, epoch, after) => {
    const { clock, hears, begins, reads } = feed()
    await begins(at(0))
    if (isQuiet) await clock.advance(60_000)
    hears(2, epoch)
    expect(reads.map((read) => read.after)).toEqual([after])
  },
)

test('beyond 64 waiting messages the log is read; messages that are not kept are lost, and told', async () => {
  const offsets = Array.from({ length: 70 }, (_, index) => index + 2)
  const kept = feed()
  await kept.begins(at(0))
  for (const offset of offsets) kept.hears(offset)
  await kept.answers([1])
  await kept.answers(offsets.slice(0, 65))
  await kept.answers(offsets)
  expect([kept.lost, kept.delivered.length]).toEqual([[], 71])
  const unkept = feed()
  await unkept.begins(at(0))
  unkept.hears(2)
  for (const offset of offsets) unkept.hearsUnkept(`unkept ${offset}`)
  expect(unkept.lost).toEqual([[false, null]])
  await unkept.answers([1])
  await unkept.answers([1, 2])
  expect([unkept.lost.length, unkept.delivered.slice(0, 2)]).toEqual([1, ['read 1', 'read 2']])
})

test('an entry of the log that cannot be decoded is passed over, and not read again', async () => {
  const { hears, begins, reads, delivered, answers } = feed()
  await begins(at(0))
  hears(3)
  const junk = { ...entry(2), value: new Uint8Array([1]) }
  reads[0]?.answer({ head: at(3), complete: true, entries: [{ ...junk, ...placing(1) }, junk, entry(3)] })
  await settled()
  expect(delivered).toEqual(['heard 3'])
  hears(4)
  await answers([])
  expect([delivered, reads.length]).toEqual([['heard 3', 'heard 4'], 1])
})
