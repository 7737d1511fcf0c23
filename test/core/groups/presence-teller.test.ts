import { expect, test } from 'vitest'
import { groupAddress } from '../../../src/core/groups/address.ts'
import { MemberTable, shownMember } from '../../../src/core/groups/member-table.ts'
import { PresenceTeller } from '../../../src/core/groups/presence-teller.ts'
import { TimerQueue } from '../../../src/core/runtime/timer-queue.ts'
import { testClock } from '../../../src/testing/clock.ts'
import { presenceRoom } from '../support/presence-servers.ts'

/** A group with a client that speaks the protocol and one that gets bare messages, and what each was sent. */
function tellerWithTwoClients({ upTo = 4, listBytes = 1_000 } = {}) {
  const clock = testClock()
  const sent: Record<string, string[]> = { framed: [], bare: [] }
  const member = (id: 'framed' | 'bare') => ({
    id,
    isSocket: (one: string) => one === id,
    path: '/ws/hall',
    framed: id === 'framed',
    connection: { send: (packet: { readonly payload: unknown }) => sent[id]?.push(String(packet.payload)) },
  })
  const table = new MemberTable(() => undefined)
  const context = {
    groups: { local: () => [member('framed'), member('bare')] },
    clock,
    timers: new TimerQueue(clock),
    listBytes,
  }
  const teller = new PresenceTeller(context, { address: groupAddress(presenceRoom, '', {}), table, upTo })
  const enter = (user: string, info: unknown = {}): void => {
    table.set('b', shownMember({ user, info }, 1))
    teller.changed()
    teller.tell()
  }
  const leave = (user: string): void => {
    table.delete('b', user)
    teller.changed()
    teller.tell()
  }
  const counts = (): readonly string[] => (sent['framed'] ?? []).filter((frame) => frame.includes('"count"'))
  return { clock, sent, enter, leave, counts }
}

test('a socket of bare messages is sent no presence', () => {
  const { sent, enter } = tellerWithTwoClients()
  enter('ada')
  expect(sent['framed']).toHaveLength(1)
  expect(sent['bare']).toEqual([])
})

test('a list beyond its bounds becomes a number with the change that exceeds them', () => {
  for (const bounds of [{ upTo: 1 }, { listBytes: 40 }]) {
    const { sent, enter } = tellerWithTwoClients(bounds)
    enter('ada')
    enter('bob', 'x'.repeat(40))
    expect(sent['framed']?.at(-1)).toBe('{"op":"presence","in":"/ws/hall","count":2}')
  }
})

test('a changed number is sent, and the list returns only to a group that is small enough', async () => {
  const { clock, sent, enter, leave, counts } = tellerWithTwoClients()
  for (const user of ['ada', 'bob', 'cy', 'dan', 'eve']) enter(user)
  expect(counts()).toHaveLength(1)
  enter('eve', 'changed')
  await clock.advance(11_000)
  expect(counts()).toHaveLength(1)
  enter('eve', 'changed again')
  await clock.advance(1_000)
  expect(sent['framed']?.at(-1)).toContain('"count":5')
  leave('eve')
  leave('dan')
  await clock.advance(1_000)
  expect(sent['framed']?.at(-1)).toContain('"members":[')
})
