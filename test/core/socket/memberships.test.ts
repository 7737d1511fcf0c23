import { expect, test } from 'vitest'
import { contract, memory, text } from '../../../src/index.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { reserveMemberships } from '../../../src/core/socket/memberships.ts'
import { testServer } from '../../../src/testing.ts'
import { settled } from '../../../src/testing/clock.ts'
import { changedLinks } from '../../support/links.ts'

const lines = contract('/ws/lines', { server: text })
const options = { presence: undefined, audience: undefined, limits: { members: undefined } }
const ada = {
  identity: { user: { id: 'ada' } },
  subject: 'ada',
  params: {},
  path: '/ws/lines',
  grant: true,
  accessVersion: 0,
}

/** The memberships of one socket after another, on one server. */
function memberships(layer = memory(), presence?: () => object) {
  const context = testServer({ layer })[serverContext]
  const parts = { context, endpoint: { contract: lines, options: { ...options, presence } } }
  const reserve = () => reserveMemberships(parts, ada)
  const memberOf = (id: string) => ({
    id,
    isSocket: (one: string) => one === id,
    path: ada.path,
    framed: true,
    connection: { send: () => {} },
  })
  const membersOf = (key: string) => [...context.groups.local(key)].map(({ id }) => id)
  return { context, reserve, memberOf, membersOf }
}

test('memberships that were released before the socket joined take no member', async () => {
  const { context, reserve, memberOf, membersOf } = memberships()
  const [first, other] = [await reserve(), await reserve()]
  first.release()
  first.join(memberOf('first'))
  expect([membersOf(other.room.key), context.groups.size]).toEqual([[], 2])
})

test('memberships that are released twice leave the groups of other sockets as they are', async () => {
  const { context, reserve, memberOf, membersOf } = memberships()
  const [first, other] = [await reserve(), await reserve()]
  first.join(memberOf('first'))
  other.join(memberOf('other'))
  expect(membersOf(other.room.key)).toEqual(['first', 'other'])
  first.release()
  first.release()
  expect([membersOf(other.room.key), context.groups.size]).toEqual([['other'], 2])
  other.release()
  expect([membersOf(other.room.key), context.groups.size]).toEqual([[], 0])
})

test('a connected process reserves memberships without a wait, also those of its first socket', async () => {
  const { context, reserve } = memberships()
  await context.accessCommands.ready()
  expect(reserve()).not.toBeInstanceOf(Promise)
})

test('of a reservation that failed nothing is kept, also of what the layer answers only then', async () => {
  const answers: (() => void)[] = []
  let ended = 0
  const slow = changedLinks(memory(), (link) => ({
    subscribe: async (topic, hear) => {
      if (topic.includes('subject')) throw new Error('full')
      if (topic.includes('lines')) await new Promise<void>((resolve) => answers.push(resolve))
      const end = await link.subscribe(topic, hear)
      return () => {
        if (topic.includes('lines')) ended++
        end()
      }
    },
  }))
  const { context, reserve } = memberships(slow, () => ({ name: 'Ada' }))
  await context.presence.listen()
  await expect(reserve()).rejects.toMatchObject({ status: 503 })
  expect([answers.length, context.groups.size]).toEqual([2, 1])
  for (const answer of answers) answer()
  await settled()
  expect([ended, context.groups.size]).toEqual([2, 0])
})
