import { afterEach, expect, test, vi } from 'vitest'
import { debugOutput } from '../../../src/core/admission/debug-output.ts'
import { visit, testServer } from '../../../src/testing.ts'
import { echo } from '../support/members.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const sent = { type: 'sent', contract: '/ws/chat/:room', receivers: 2 } as const
const expired = { type: 'rechecked', from: 'east', closed: 0, changed: 1, dropped: 0 } as const

/** The names of what is printed of two events. */
function printed(asked: string | undefined): string[] | null {
  const lines: string[] = []
  const hear = debugOutput(asked, (line) => lines.push(line))
  if (hear === null) return null
  hear(sent)
  hear(expired)
  return lines.map((line) => line.split(' ')[0] ?? '')
}

test.each<[string | undefined, string[] | null]>([
  [undefined, null],
  ['', null],
  ['express:*,vite', null],
  ['sallyport', ['sallyport:sent', 'sallyport:rechecked']],
  ['sallyport:*', ['sallyport:sent', 'sallyport:rechecked']],
  ['*', ['sallyport:sent', 'sallyport:rechecked']],
  ['express:*, sallyport:sent', ['sallyport:sent']],
  ['sallyport:*,-sallyport:sent', ['sallyport:rechecked']],
  ['sallyport:re*', ['sallyport:rechecked']],
  ['sallyport:se', []],
  ['-sallyport', null],
  ['sallyport:(', []],
])('DEBUG=%s prints %j', (asked, names) => {
  expect(printed(asked)).toEqual(names)
})

test('a line is the event as JSON, without anything that a terminal obeys', () => {
  const lines: string[] = []
  debugOutput('sallyport', (line) => lines.push(line))?.({ ...sent, contract: '/ws/\x9b\x1b' })
  expect(lines).toEqual([String.raw`sallyport:sent {"contract":"/ws/\u009b\u001b","receivers":2}`])
})

test('a server prints to standard error what DEBUG asks for, and no credential', async () => {
  vi.stubEnv('DEBUG', 'sallyport:accepted,sallyport:denied')
  const print = vi.spyOn(console, 'error').mockImplementation(() => {})
  const server = testServer()
  const visitor = await visit(
    echo,
    {},
    { server, headers: { 'x-test-user': 'Ada', cookie: 'sid=marked-secret' } },
  )
  await visit(echo, {}, { server, headers: { authorization: 'Bearer marked-secret' } }).catch(() => {})
  visitor.leave()
  await visitor.closed
  const lines = print.mock.calls.map(String)
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['sallyport:accepted', 'sallyport:denied'])
  expect(lines.join()).not.toContain('marked-secret')
})

test('without DEBUG nothing is printed', async () => {
  const print = vi.spyOn(console, 'error').mockImplementation(() => {})
  vi.stubEnv('DEBUG', undefined)
  await visit(echo, {}, { server: testServer(), headers: { 'x-test-user': 'Ada' } })
  expect(print).not.toHaveBeenCalled()
})
