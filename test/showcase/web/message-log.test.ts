import { describe, expect, test } from 'vitest'
import {
  emptyLog,
  type MessageLog,
  newestOf,
  withLatest,
  withNew,
  withOlder,
} from '../../../showcase/web/src/chat/message-log.ts'

const message = (id: string) => ({ id, from: 'Ada', by: 'ada', text: `text ${id}`, at: 1 })
const log = (ids: string, complete = false): MessageLog => ({ messages: Array.from(ids, message), complete })
const ids = ({ messages }: MessageLog) => messages.map(({ id }) => id).join('')

describe('the log of messages', () => {
  test('a message that is heard comes last, and hearing it twice changes nothing', () => {
    const heard = withNew(withNew(log('ab'), message('c')), message('c'))
    expect(ids(heard)).toBe('abc')
  })

  test('a message that is overtaken on its way is put where it belongs', () => {
    expect(ids(withNew(log('ac'), message('b')))).toBe('abc')
  })

  test('an older page comes before what is known', () => {
    expect(ids(withOlder(log('cd'), log('ab').messages))).toBe('abcd')
  })

  test('an empty older page says that the log is complete', () => {
    expect(withOlder(log('ab'), []).complete).toBe(true)
  })

  test('the first page of a room without messages is complete', () => {
    expect(withLatest(emptyLog, [], null)).toEqual({ messages: [], complete: true })
  })

  test('after a short absence the latest page joins what is known', () => {
    expect(ids(withLatest(log('abc', true), log('cde').messages, 'c'))).toBe('abcde')
    expect(withLatest(log('abc', true), log('cde').messages, 'c').complete).toBe(true)
  })

  test('after a long absence what is older than the page is forgotten, so that no gap is hidden', () => {
    const after = withLatest(log('abc', true), log('xyz').messages, 'c')
    expect(ids(after)).toBe('xyz')
    expect(after.complete).toBe(false)
  })

  test('what was heard while the latest page was on its way does not hide a gap', () => {
    const heard = withNew(log('abc'), message('z'))
    expect(ids(withLatest(heard, log('wxy').messages, 'c'))).toBe('wxyz')
  })

  test('the newest message is the last, and there is none in an empty log', () => {
    expect(newestOf(log('abc'))).toBe('c')
    expect(newestOf(emptyLog)).toBeNull()
  })
})
