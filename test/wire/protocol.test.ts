import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { protocolPage, withTables } from '../../scripts/protocol-table.ts'
import { sallyport } from '../../src/index.ts'
import { decodeFrame } from '../../src/wire/frame.ts'
import { room } from '../core/support/members.ts'

const page = readFileSync(protocolPage, 'utf8')
const frames = readFileSync('src/wire/frame.ts', 'utf8')

/** The ops of a union of frames in the code. */
function opsOf(union: string): readonly string[] {
  const [, body = ''] = new RegExp(`export type ${union} =\\n([\\s\\S]*?)\\n\\n`).exec(frames) ?? []
  return [...body.matchAll(/op: ((?:'\w+'(?: \| )?)+)/g)].flatMap(
    ([, names = '']) => names.match(/\w+/g) ?? [],
  )
}

/** The ops and fields of a table on the page, by its heading. */
function tableOf(heading: string): ReadonlyMap<string, string> {
  const [, part = ''] = new RegExp(`### ${heading}\\n([\\s\\S]*?)\\n###? `).exec(page) ?? []
  const rows = [...part.matchAll(/^\| +`(\w+)` +\| ([^|]*)\|/gm)]
  return new Map(rows.map(([, op = '', fields = '']) => [op, fields]))
}

/** The fields of one frame in the code, `op` left out; those of a refusal where it is one. */
function fieldsOf(union: string, op: string): readonly string[] {
  const [, body = ''] = new RegExp(`export type ${union} =\\n([\\s\\S]*?)\\n\\n`).exec(frames) ?? []
  const member = body.split(/\n {2}\| /).find((one) => new RegExp(`op: [^\\n;}]*'${op}'`).test(one)) ?? ''
  const own = member.replaceAll(/: \{[^{}\n]*\}/g, ':').matchAll(/readonly (\w+)\??:/g)
  const refusal = member.includes('& Refusal') ? ['status', 'code', 'message', 'ref', 'retryAfterMs'] : []
  return [...[...own].map(([, name = '']) => name).filter((name) => name !== 'op'), ...refusal]
}

describe.for([
  ['ServerFrame', 'What a server sends'],
  ['ClientFrame', 'What a client sends'],
] as const)('the page and %s', ([union, heading]) => {
  test('name the same ops', () => {
    expect(opsOf(union).length).toBeGreaterThan(4)
    expect([...tableOf(heading).keys()].sort()).toEqual([...new Set(opsOf(union))].sort())
  })

  test('name the same fields of each', () => {
    for (const [op, fields] of tableOf(heading)) {
      const written = [...fields.replaceAll(/`(?:\{|\[)[^`]*`/g, '').matchAll(/`(\w+)`/g)].map(
        ([, name]) => name,
      )
      expect([op, written]).toEqual([op, fieldsOf(union, op)])
    }
  })
})

test('the tables of the page are those of the code: node scripts/protocol-table.ts prints them', () => {
  expect(withTables(page)).toBe(page)
})

test('the ranges of the page are those of the code', async () => {
  const { retryAfterClose } = await import('../../src/wire/close.ts')
  const [, prose = ''] = /After\s+4500\s+to\s+4599,([\s\S]*?)\sit\s+tries\s+again/.exec(page) ?? []
  const named = (prose.match(/\d{4}/g) ?? []).map(Number)
  const all = Array.from({ length: 4_000 }, (_, index) => 1_000 + index)
  const retried = all.filter((code) => retryAfterClose(code) === 'retry' && (code < 4_500 || code > 4_599))
  expect(named.sort((one, other) => one - other)).toEqual(retried)
  expect(all.filter((code) => retryAfterClose(code) === 'reauthenticate')).toEqual([4401])
})

test('the length of the binary frame on the page is right', () => {
  const [, high = '', low = '', header = ''] =
    /^([0-9A-F]{2}) ([0-9A-F]{2}) {2}(\{.*\}) {2}<bytes>$/m.exec(page) ?? []
  expect(Number.parseInt(high + low, 16)).toBe(new TextEncoder().encode(header).length)
  expect(decodeFrame(header).ok).toBe(true)
})

test('the conversation on the page is what a real server says', async () => {
  const server = sallyport()
  server.serve(room)
  const { port: number } = await server.listen(0)
  const url = `ws://127.0.0.1:${number}/ws/chat/lobby`
  const socket = new WebSocket(url, { protocols: ['sallyport.v1'], headers: { 'x-test-user': 'Ada' } })
  const heard: string[] = []
  let wake = (): void => {}
  socket.addEventListener('message', ({ data }) => {
    heard.push(String(data))
    wake()
  })
  const lines = conversation()
  expect(lines.length).toBeGreaterThan(8)
  for (const line of lines) {
    if (line.startsWith('> ')) socket.send(line.slice(2))
    else {
      while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      expect(anonymous(heard.shift() ?? '')).toBe(anonymous(line.slice(2)))
    }
  }
  socket.close()
  await server.close({ drain: 50 })
})

function conversation(): readonly string[] {
  const [, block = ''] = /<!-- played: conversation -->\s+```\n([\s\S]*?)\n```/.exec(page) ?? []
  return block.split('\n')
}

/** The same but for ids that are made at random. */
function anonymous(line: string): string {
  const made = /"op":"(?:hello|opened)"/.test(line) ? /"(id)":"[^"]+"/g : /"(ref|epoch)":"[^"]+"/g
  return line.replaceAll(made, '"$1":"..."')
}
