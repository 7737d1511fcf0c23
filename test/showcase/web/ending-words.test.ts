import { describe, expect, test } from 'vitest'
import { deviceWords, socketWords } from '../../../showcase/web/src/account/sessions-api.ts'
import { type AuditEntry, isShown, merged, noFilter } from '../../../showcase/web/src/admin/audit-api.ts'
import { draftOf, keepDraft } from '../../../showcase/web/src/chat/drafts.ts'
import { receiptWords } from '../../../showcase/web/src/http/receipt.ts'
import { ago } from '../../../showcase/web/src/layout/ago.ts'
import { renewal } from '../../../showcase/web/src/session/renewal.ts'

describe('a receipt in words', () => {
  const nothing = { closed: 0, changed: 0, dropped: 0, nodes: ['a'], silent: [] }

  test('it counts what was closed and changed, and where', () => {
    expect(receiptWords({ ...nothing, closed: 1 })).toBe('1 socket was closed, on 1 server.')
    expect(receiptWords({ ...nothing, closed: 3, changed: 1, nodes: ['a', 'b'] })).toBe(
      '3 sockets were closed, 1 socket has other rights now, on 2 servers.',
    )
  })

  test('it says that nothing was open', () => {
    expect(receiptWords({ ...nothing, nodes: [] })).toBe('No socket was open that this is about.')
  })

  test('it counts the waiting messages that were dropped, of sockets that had left too', () => {
    expect(receiptWords({ ...nothing, closed: 1, dropped: 1 })).toBe(
      '1 socket was closed, 1 waiting message was dropped, on 1 server.',
    )
    expect(receiptWords({ ...nothing, dropped: 90 })).toBe('90 waiting messages were dropped, on 1 server.')
  })

  test('it names the servers that did not answer', () => {
    expect(receiptWords({ ...nothing, closed: 2, silent: ['b'] })).toBe(
      '2 sockets were closed, on 1 server. 1 server did not answer in time, and will follow within seconds: b.',
    )
  })
})

describe('a session in words', () => {
  test.each([
    [{ browser: 'Firefox', system: 'Windows' }, 'Firefox on Windows'],
    [{ browser: 'A program', system: null }, 'A program'],
    [{ browser: 'Unknown', system: null }, 'An unknown device'],
  ])('%j is %s', (device, words) => {
    expect(deviceWords({ device })).toBe(words)
  })

  test('it names each place once, and counts every socket', () => {
    const socket = { id: '1', kind: 'room', room: 'lobby', title: 'Lobby', since: 0 } as const
    expect(socketWords({ sockets: [] })).toBe('Nothing is open on it now.')
    expect(socketWords({ sockets: [socket] })).toBe('1 socket open now: Lobby')
    expect(socketWords({ sockets: [socket, { ...socket, id: '2' }] })).toBe('2 sockets open now: Lobby')
  })

  test.each([
    [0, 'just now'],
    [-5_000, 'just now'],
    [59_999, 'just now'],
    [60_000, '1 minute ago'],
    [3 * 3_600_000, '3 hours ago'],
    [86_400_000, 'yesterday'],
    [40 * 86_400_000, '40 days ago'],
  ])('%i ms ago is %s', (past, words) => {
    expect(ago(1_000_000_000_000 - past, 1_000_000_000_000)).toBe(words)
  })
})

describe('the audit on a page', () => {
  const entry: AuditEntry = {
    id: '2',
    at: 2_000,
    type: 'denied',
    subject: 'u7',
    name: 'Ada Lovelace',
    username: 'ada',
    contract: null,
    address: null,
    status: 403,
    code: 'forbidden',
    ref: null,
    detail: {},
  }

  test('it shows of what happens what the server would answer with', () => {
    expect(isShown(entry, noFilter)).toBe(true)
    expect(isShown(entry, { ...noFilter, type: 'accepted' })).toBe(false)
    for (const person of ['LOVE', 'ada', 'u7', ' u7 '])
      expect(isShown(entry, { ...noFilter, person }), person).toBe(true)
    for (const person of ['u', 'grace']) expect(isShown(entry, { ...noFilter, person }), person).toBe(false)
    expect(isShown(entry, { ...noFilter, from: 2_000, to: 2_000 })).toBe(true)
    expect(isShown(entry, { ...noFilter, from: 2_001 })).toBe(false)
    expect(isShown(entry, { ...noFilter, to: 1_999 })).toBe(false)
  })

  test('an entry that came twice is shown once, newest first, and no more than can be read', () => {
    const [one, three] = [
      { ...entry, id: '1' },
      { ...entry, id: '3' },
    ]
    expect(merged([entry, one], [three, entry]).map(({ id }) => id)).toEqual(['3', '2', '1'])
    expect(merged([entry, one], [three], 2).map(({ id }) => id)).toEqual(['3', '2'])
  })
})

test('a draft is kept by person and room', () => {
  keepDraft('ada', 'lobby', 'to be')
  expect(draftOf('ada', 'lobby')).toBe('to be')
  expect(draftOf('grace', 'lobby')).toBe('')
  expect(draftOf('ada', 'engineering')).toBe('')
  keepDraft('ada', 'lobby', '')
  expect(draftOf('ada', 'lobby')).toBe('')
})

test('a page that hears of an end while a new session is on its way waits for it', async () => {
  const { begin, end, settled } = renewal()
  await settled()
  begin()
  let waited = true
  const waiting = settled().then(() => (waited = false))
  await Promise.resolve()
  expect(waited).toBe(true)
  end()
  await waiting
})
