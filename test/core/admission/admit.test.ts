import { expect, test } from 'vitest'
import { admit } from '../../../src/core/admission/admit.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { deny, type SallyportEvent } from '../../../src/index.ts'
import { memoryHandshake } from '../../../src/transports/memory.ts'
import { testServer } from '../../../src/testing.ts'

function entrance() {
  const faults: unknown[] = []
  const events: SallyportEvent[] = []
  const server = testServer({
    report: (error, doing) => faults.push([doing, String(error)]),
    on: (event) => events.push(event),
  })
  const visit = { path: '/ws/lines', query: '', headers: new Headers(), address: '192.0.2.1', known: null }
  const silent = { message: () => {}, ended: () => {} }
  const { handshake, host } = memoryHandshake(server[serverContext], visit, silent)
  return { faults, events, handshake, host }
}

test('a failure during a refusal reaches the reporter and no other socket', async () => {
  const { faults, events, handshake, host } = entrance()
  const reject = (): never => {
    throw new Error('the pipe is broken')
  }
  await admit(async () => deny(403, 'closed'), { handshake, host, reject })
  expect(faults).toEqual([['refusing a handshake', 'Error: the pipe is broken']])
  expect(events).toMatchObject([{ type: 'denied', status: 403, code: 'closed' }])
})

test('of someone who was let in no denial is told, and nothing is answered a second time', async () => {
  const { faults, events, handshake, host } = entrance()
  const answers: unknown[] = []
  await admit(async () => {}, { handshake, host, reject: (answer) => answers.push(answer) })
  expect([answers, events, faults]).toEqual([[], [], []])
})
