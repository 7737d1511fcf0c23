import { describe, expect, test } from 'vitest'
import { groupAddress } from '../../../src/core/groups/address.ts'
import { type PresenceMessage, unpackPresence } from '../../../src/core/groups/presence-message.ts'
import { memory } from '../../../src/index.ts'
import { settled, testClock } from '../../../src/testing/clock.ts'
import { testLayer, testServer } from '../../../src/testing.ts'
import { changedLinks, linkOf } from '../../support/links.ts'
import { visitAs, visitRaw, presenceRoom, serversOnOneLayer, usersOf } from '../support/presence-servers.ts'

interface Sent {
  readonly from: string
  readonly topic: string
  readonly message: PresenceMessage
  readonly bytes: number
}

/** Two nodes and a worker over a layer that loses what it is told to, and notes what nodes tell each other of presence. */
function lossy(names: readonly string[] = ['here', 'there']) {
  const sent: Sent[] = []
  const losing: { when: (sent: Sent) => boolean | Promise<void> } = { when: () => false }
  const clock = testClock()
  const layer = changedLinks(memory({ clock }), (link, from) => ({
    publish: async (topic, pack, keep) => {
      if (!topic.startsWith('presence')) return link.publish(topic, pack, keep)
      const packed = pack()
      const message = unpackPresence(packed)
      if (message === null) throw new Error('no message of presence')
      const one = { from, topic, message, bytes: packed.length }
      sent.push(one)
      const lost = losing.when(one)
      if (lost === true) return null
      if (lost !== false) await lost
      return link.publish(topic, () => packed, keep)
    },
  }))
  const servers = names.map((node) => testServer({ layer, clock, node, report: () => {} }))
  const [here = testServer(), there = here] = servers
  return { clock, layer, sent, losing, here, there }
}

const isA = (kind: PresenceMessage['kind'], from?: string) => (sent: Sent) =>
  sent.message.kind === kind && (from === undefined || sent.from === from)

describe('what is lost between nodes heals', () => {
  test('with the next change, when a change was lost', async () => {
    const { clock, losing, here, there } = lossy()
    const zoe = await visitAs(there, 'zoe')
    await clock.advance(1_000)
    losing.when = isA('d', 'here')
    await visitAs(here, 'ada')
    await settled()
    expect(usersOf(zoe.members)).toEqual(['zoe'])
    losing.when = () => false
    await visitAs(here, 'bob')
    await settled()
    expect(usersOf(zoe.members).toSorted()).toEqual(['ada', 'bob', 'zoe'])
  })

  test.each([
    ['the last change', isA('d', 'here')],
    ['the question of a node that begins', isA('?', 'there')],
    ['the answer to it', isA('s', 'here')],
  ])('with the sign of its node, when %s was lost', async (_, when) => {
    const { clock, losing, here, there } = lossy()
    losing.when = when
    await visitAs(here, 'ada')
    await settled()
    const zoe = await visitAs(there, 'zoe')
    await settled()
    losing.when = () => false
    await clock.advance(36_000)
    expect(usersOf(zoe.members).toSorted()).toEqual(['ada', 'zoe'])
  })

  test('with the sign of its node, when one part of a long answer was lost', async () => {
    const { clock, sent, losing, here, there } = lossy()
    for (const user of ['ada', 'bob', 'cy']) await visitAs(here, user, { about: 'x'.repeat(60_000) })
    losing.when = ({ message }) => message.kind === 's' && message.part === 1
    const zoe = await visitAs(there, 'zoe')
    await settled()
    expect(sent.filter(isA('s', 'here')).map(({ message }) => message)).toMatchObject([
      { part: 0, parts: 3 },
      { part: 1, parts: 3 },
      { part: 2, parts: 3 },
    ])
    expect(zoe.count).toBe(1)
    losing.when = () => false
    await clock.advance(36_000)
    expect(zoe.count).toBe(4)
  })

  test('once more, when the answer to a lost change is lost too', async () => {
    const { clock, losing, here, there } = lossy()
    const zoe = await visitAs(there, 'zoe')
    await settled()
    losing.when = isA('d', 'here')
    await visitAs(here, 'ada')
    await settled()
    losing.when = isA('s', 'here')
    await visitAs(here, 'bob')
    await settled()
    losing.when = () => false
    await clock.advance(36_000)
    expect(zoe.count).toBe(3)
  })
})

test('changes that come while an answer is under way are in order behind it', async () => {
  const { losing, here, there } = lossy()
  const ada = await visitAs(here, 'ada')
  await visitAs(here, 'bob')
  const { promise, resolve } = Promise.withResolvers<void>()
  losing.when = (sent) => (isA('s', 'here')(sent) ? promise : false)
  const zoe = await visitAs(there, 'zoe')
  await settled()
  await visitAs(here, 'cy')
  ada.leave()
  await settled()
  expect(usersOf(zoe.members)).toEqual(['zoe'])
  resolve()
  await settled()
  expect(usersOf(zoe.members).toSorted()).toEqual(['ada', 'bob', 'cy', 'zoe'])
})

test('a restarted process with the name of an ended one shows no member of that one', async () => {
  const { layer, clock, sent, losing, here, there } = lossy()
  const zoe = await visitAs(there, 'zoe')
  await visitAs(here, 'ada')
  await settled()
  expect(zoe.count).toBe(2)
  // the dead one says nothing any more
  const dead = new Set(sent.filter(isA('d', 'here')).map(({ message }) => 'life' in message && message.life))
  losing.when = ({ message }) => 'life' in message && dead.has(message.life)
  const again = testServer({ layer, clock, node: 'here', report: () => {} })
  await visitAs(again, 'bob')
  await settled()
  expect(usersOf(zoe.members)).toEqual(['zoe', 'bob'])
})

test('a node that is silent for 90 s shows no members, also while it is in the roster', async () => {
  const { clock, losing, here, there } = lossy()
  await visitAs(here, 'ada')
  const zoe = await visitAs(there, 'zoe')
  await settled()
  losing.when = ({ from }) => from === 'here'
  await clock.advance(89_000)
  expect(zoe.count).toBe(2)
  await clock.advance(41_000)
  expect(usersOf(zoe.members)).toEqual(['zoe'])
  losing.when = () => false
  await clock.advance(37_000)
  expect(usersOf(zoe.members).toSorted()).toEqual(['ada', 'zoe'])
})

test('a room that is left and entered again is no old news to the others', async () => {
  const { clock, here, there } = lossy()
  const zoe = await visitAs(there, 'zoe')
  for (const user of ['ada', 'bob', 'cy']) (await visitAs(here, user)).leave()
  await clock.advance(5_000)
  expect(usersOf(zoe.members)).toEqual(['zoe'])
  await visitAs(here, 'dan')
  await settled()
  expect(usersOf(zoe.members)).toEqual(['zoe', 'dan'])
})

test('what others see may hold any key, as deep as it likes', async () => {
  const { here, there, clock } = serversOnOneLayer(['here', 'there'])
  const info = { constructor: 'a', nested: JSON.parse(`${'['.repeat(70)}${']'.repeat(70)}`) as unknown }
  await visitRaw(here, 'ada', { info })
  await visitRaw(there, 'zoe')
  await clock.advance(1_000)
  expect((await there.group(presenceRoom).members()).find(({ user }) => user === 'ada')?.info).toEqual(info)
})

test('a join costs the other nodes the same bytes in a full room as in an empty one', async () => {
  const { clock, sent, here, there } = lossy()
  for (const server of [here, there]) await visitAs(server, 'zoe')
  await settled()
  const bytes: number[] = []
  for (let user = 100; user < 180; user++) {
    const before = sent.length
    await visitAs(here, `user-${user}`)
    await clock.advance(50)
    const told = sent.slice(before)
    expect(told.map(({ message }) => message.kind)).toEqual(['d'])
    bytes.push(told.reduce((sum, one) => sum + one.bytes, 0))
  }
  // the number of the change is a digit longer in the end
  expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThanOrEqual(4)
  expect(Math.max(...bytes)).toBeLessThan(250)
})

test('many who come at once are told to the other nodes in a few messages', async () => {
  const { clock, sent, here, there } = lossy()
  const zoe = await visitAs(there, 'zoe')
  await settled()
  await Promise.all(Array.from({ length: 150 }, (_, user) => visitAs(here, `user-${user}`)))
  await clock.advance(50)
  expect(sent.filter(isA('d', 'here')).length).toBeLessThanOrEqual(21)
  expect(zoe.count).toBe(151)
})

test('messages of a layer that are malformed are reported once a minute, and change nothing', async () => {
  const { clock, layer, faults, here } = serversOnOneLayer()
  const ada = await visitAs(here, 'ada')
  const stranger = await linkOf(layer, 'stranger')
  const texts = [
    'no JSON',
    '[]',
    '{"kind":"d","node":"x","life":"y.1","n":1,"join":[[{"user":7},1]],"leave":[]}',
    '{"kind":"d","node":"x","life":"y.1","n":1,"join":[],"leave":[7]}',
    '{"kind":"d","node":"x","life":"y.1","n":1,"join":[[{"user":"bob","info":{}},1e999]],"leave":[]}',
    '{"kind":"d","node":"x","life":"y.1","n":-1,"join":[],"leave":[]}',
    '{"kind":"s","node":"x","life":"y.1","n":1,"members":[]}',
    '{"kind":"?","node":"x","id":"1","group":"g","to":null,"page":{"after":null,"limit":0}}',
    '{"kind":"x","node":"x","life":"y.1","n":1}',
  ]
  const topic = `presence/${groupAddress(presenceRoom, '', {}).key}`
  for (const one of texts) await stranger.publish(topic, () => new TextEncoder().encode(one))
  await settled()
  expect(faults).toHaveLength(1)
  await clock.advance(60_000)
  await stranger.publish(topic, () => new Uint8Array())
  await settled()
  expect(faults.map(String)).toEqual([
    expect.stringMatching(/malformed$/),
    expect.stringContaining(`and ${texts.length - 1} others`),
  ])
  expect(usersOf(ada.members)).toEqual(['ada'])
})

test('a version at the end of what is read, of whatever node, silences no other', async () => {
  const { layer, faults, here, there } = serversOnOneLayer(['here', 'there'])
  await visitAs(here, 'ada')
  const zoe = await visitAs(there, 'zoe')
  const stranger = await linkOf(layer, 'stranger')
  const join = `[[{"user":"eve","info":{}},${2 ** 52}]]`
  const forged = `{"kind":"d","node":"stranger","life":"y.1","n":1,"join":${join},"leave":[]}`
  await stranger.publish(`presence/${groupAddress(presenceRoom, '', {}).key}`, () =>
    new TextEncoder().encode(forged),
  )
  await settled()
  await visitAs(here, 'bob')
  await settled()
  // the changes of both nodes were malformed from then on
  expect(usersOf(zoe.members)).toEqual(expect.arrayContaining(['ada', 'bob', 'zoe']))
  expect(faults).toEqual([])
})

describe('a process without sockets', () => {
  test('whose layer was away at its start answers the others once the layer is back', async () => {
    const clock = testClock()
    let away = true
    const layer = changedLinks(memory({ clock }), (link, node) => ({
      subscribe: async (topic, hear) => {
        if (away && node === 'here' && topic.startsWith('presence')) throw new Error('the layer is away')
        return link.subscribe(topic, hear)
      },
    }))
    const [here, there] = ['here', 'there'].map((node) =>
      testServer({ layer, clock, node, report: () => {} }),
    )
    await clock.advance(10_000)
    away = false
    await clock.advance(2_000)
    if (here === undefined || there === undefined) throw new Error('two nodes were made')
    expect(await there.group(presenceRoom).members()).toEqual([])
    expect(here.connections).toBe(0)
  })

  test('asks all nodes, and has the same answer as they have', async () => {
    const { here, there, worker } = serversOnOneLayer(['here', 'there', 'worker'])
    for (const user of ['ada', 'bob']) await visitAs(here, user)
    for (const user of ['bob', 'cy']) await visitAs(there, user)
    expect(usersOf(await worker.group(presenceRoom).members()).toSorted()).toEqual(['ada', 'bob', 'cy'])
    expect(await worker.group(presenceRoom).members({ limit: 2 })).toEqual([
      { user: 'ada', info: {} },
      { user: 'bob', info: {} },
    ])
    expect(usersOf(await worker.group(presenceRoom).members({ after: 'ada', limit: 1 }))).toEqual(['bob'])
    expect(usersOf(await worker.group(presenceRoom).members({ after: 'bob' }))).toEqual(['cy'])
  })

  test('is told no more than the page that it asks for', async () => {
    const { sent, here, there } = lossy()
    for (let user = 100; user < 160; user++) await visitAs(here, `user-${user}`)
    await there.group(presenceRoom).members({ limit: 10 })
    const [answer] = sent.filter(isA('s', 'here'))
    expect(answer?.message).toMatchObject({ parts: 1, members: { length: 10 } })
  })

  test('waits a second for a node that does not answer, and no longer', async () => {
    const { clock, losing, here, there } = lossy()
    await visitAs(here, 'ada')
    losing.when = isA('s', 'here')
    let members: readonly unknown[] | null = null
    void there
      .group(presenceRoom)
      .members()
      .then((found) => (members = found))
    await clock.advance(999)
    expect(members).toBeNull()
    await clock.advance(1)
    expect(members).toEqual([])
  })
})

test.each([[{ limit: 0 }], [{ limit: 1.5 }], [{ after: '' }], [{ after: 7 }], [{ before: 'ada' }], [null]])(
  'members(%j) is a TypeError',
  async (page) => {
    const { here } = serversOnOneLayer()
    await expect(here.group(presenceRoom).members(page as object)).rejects.toThrow(TypeError)
  },
)

describe.each([3_600_000, -3_600_000])('of two tabs on nodes whose clocks are %i ms apart', (apart) => {
  /** Two nodes, of which the first has another wall time. */
  function shifted() {
    const clock = testClock()
    const layer = testLayer({ clock })
    const port = (node: string, ms: number) =>
      testServer({
        layer,
        clock: { ...clock, now: () => clock.now() + ms },
        node,
        report: () => {},
        limits: { presenceGraceMs: 10 },
      })
    return { clock, layer, here: port('here', apart), there: port('there', 0) }
  }
  const tab = (name: string): object => ({ tab: name })
  const seen = ({ members }: { readonly members: readonly { readonly info: unknown }[] }) =>
    members.map(({ info }) => info)

  test('the later one is seen, though its node did not know of the user when it came', async () => {
    const { clock, here, there } = shifted()
    const first = await visitAs(here, 'ada', tab('first'))
    await clock.advance(1_000)
    const second = await visitAs(there, 'ada', tab('second'))
    await clock.advance(1_000)
    expect([seen(first), seen(second)]).toEqual([[tab('second')], [tab('second')]])
    const third = await visitAs(here, 'ada', tab('third'))
    await clock.advance(1_000)
    for (const one of [first, second, third]) expect(seen(one)).toEqual([tab('third')])
  })

  test('the later one is seen, though it came while the nodes did not reach each other', async () => {
    const { clock, layer, here, there } = shifted()
    const first = await visitAs(here, 'ada', tab('first'))
    const zoe = await visitAs(there, 'zoe', tab('zoe'))
    await clock.advance(1_000)
    layer.cut('here')
    await clock.advance(20_000)
    const second = await visitAs(there, 'ada', tab('second'))
    await clock.advance(5_000)
    expect([seen(first)[0], seen(second)[1]]).toEqual([tab('first'), tab('second')])
    layer.restore('here')
    await clock.advance(72_000)
    for (const one of [first, zoe, second]) expect(seen(one)).toContainEqual(tab('second'))
  })

  test('the first is seen again when the later one goes', async () => {
    const { clock, here, there } = shifted()
    const first = await visitAs(here, 'ada', tab('first'))
    const second = await visitAs(there, 'ada', tab('second'))
    await clock.advance(1_000)
    second.leave()
    await clock.advance(1_000)
    expect(seen(first)).toEqual([tab('first')])
  })
})
