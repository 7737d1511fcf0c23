import { describe, expect, onTestFinished, test } from 'vitest'
import { consumer, sallyport } from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { cutRawClients, rawClient } from '../../transports/node/raw-client.ts'
import {
  visitAs,
  visitRaw,
  presenceApp,
  presenceRoom,
  serversOnOneLayer,
  usersOf,
} from '../support/presence-servers.ts'

/** A room that lists four at most, and three before the list comes back. */
const small = () => serversOnOneLayer(['here'], { limits: { presenceMembers: 4 } })
const names = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, index) => `user-${from + index}`)

describe('a room that is too full for a list', () => {
  test('is told by its number to those inside and those who come, and members() has everyone', async () => {
    const { here } = small()
    const ada = await visitAs(here, 'ada')
    for (const user of names(1, 4)) await visitAs(here, user)
    expect([ada.members.length, ada.count]).toEqual([4, 4])
    const zoe = await visitAs(here, 'zoe')
    await settled()
    for (const visitor of [ada, zoe]) expect([visitor.members, visitor.count]).toEqual([[], 5])
    expect(usersOf(await here.group(presenceRoom).members())).toEqual(['ada', ...names(1, 4), 'zoe'])
    expect(usersOf(await here.group(presenceRoom).members({ after: 'user-1', limit: 2 }))).toEqual([
      'user-2',
      'user-3',
    ])
  })

  test('tells its number once a second at most, and not when it is the same', async () => {
    const { clock, here } = small()
    const { of } = await visitRaw(here, 'ada')
    const counts = () => of('presence').filter((frame) => frame.includes('"count"'))
    for (const user of names(1, 30)) await visitAs(here, user)
    expect(counts()).toEqual(['{"op":"presence","in":"/ws/hall","count":5}'])
    await clock.advance(1_000)
    expect(counts().slice(1)).toEqual(['{"op":"presence","in":"/ws/hall","count":30}'])
    const bob = await visitAs(here, 'bob')
    bob.leave()
    await clock.advance(500)
    const cy = await visitAs(here, 'cy')
    cy.leave()
    await clock.advance(20_000)
    expect(counts().at(-1)).toBe('{"op":"presence","in":"/ws/hall","count":30}')
    const before = counts().length
    await clock.advance(60_000)
    expect(counts()).toHaveLength(before)
  })

  test('sends its number to a new member with another one, though all others have it', async () => {
    const { clock, here } = serversOnOneLayer(['here'], {
      limits: { presenceMembers: 4, presenceGraceMs: 10 },
    })
    const [first] = await Promise.all(names(1, 7).map((user) => visitAs(here, user)))
    await clock.advance(5_000)
    const ada = await visitAs(here, 'ada')
    await clock.advance(10)
    const bob = await visitAs(here, 'bob')
    first?.leave()
    await clock.advance(2_000)
    expect([ada.count, bob.count]).toEqual([7, 7])
  })

  test('gives its whole list back to everyone when it is empty enough, and calm for ten seconds', async () => {
    const { clock, here } = small()
    const ada = await visitAs(here, 'ada')
    const { of } = await visitRaw(here, 'bob')
    const others = await Promise.all(names(1, 4).map((user) => visitAs(here, user)))
    await settled()
    expect(ada.count).toBe(5)
    for (const one of others.slice(0, 2)) one.leave()
    await clock.advance(9_999)
    expect([ada.members.length, ada.count]).toEqual([0, 3])
    await clock.advance(1_000)
    expect([usersOf(ada.members), ada.count]).toEqual([['ada', 'bob', 'user-3'], 3])
    expect(of('presence').at(-1)).toMatch(/^{"op":"presence","in":"\/ws\/hall","members":\[{"user":"ada",/)
    await visitAs(here, 'zoe')
    await settled()
    expect([usersOf(ada.members), ada.count]).toEqual([['ada', 'bob', 'user-3', 'zoe'], 4])
  })

  test('stays so while it is nearly full', async () => {
    const { clock, here } = small()
    const ada = await visitAs(here, 'ada')
    const [first] = await Promise.all(names(1, 5).map((user) => visitAs(here, user)))
    first?.leave()
    await clock.advance(60_000)
    expect([ada.members.length, ada.count]).toEqual([0, 4])
  })

  test('is one whose list has too many bytes, too', async () => {
    const { clock, here } = serversOnOneLayer(['here'], { limits: { outboundBytes: 4_000 } })
    const ada = await visitAs(here, 'ada')
    const bob = await visitAs(here, 'bob', { about: 'x'.repeat(1_000) })
    await settled()
    for (const visitor of [ada, bob]) expect([visitor.members, visitor.count]).toEqual([[], 2])
    bob.leave()
    await clock.advance(15_000)
    expect(usersOf(ada.members)).toEqual(['ada'])
  })

  test('may be fuller, or less full, at an endpoint that says so', async () => {
    const { here } = serversOnOneLayer()
    const endpoint = consumer(
      presenceRoom,
      { auth: presenceApp.auth, presence: () => ({}), limits: { members: 1 } },
      () => ({}),
    ) as typeof presenceApp
    await visitRaw(here, 'ada', { endpoint })
    const { of } = await visitRaw(here, 'bob', { endpoint })
    expect(of('opened')[0]).toMatch(/"count":2}$/)
    expect(() =>
      consumer(presenceRoom, { auth: presenceApp.auth, limits: { members: 0 } }, () => ({})),
    ).toThrow('members')
  })

  test('counts the tabs of a user on two nodes once', async () => {
    const { clock, here, there } = serversOnOneLayer(['here', 'there'], { limits: { presenceMembers: 2 } })
    const ada = await visitAs(here, 'ada')
    for (const user of ['ada', 'bob', 'cy']) {
      await visitAs(here, user)
      await visitAs(there, user)
    }
    await clock.advance(1_000)
    expect(ada.count).toBe(3)
  })
})

describe('what clients are told', () => {
  test('is the same text for everyone, and nothing for who has just come', async () => {
    const { here } = serversOnOneLayer()
    const ada = await visitRaw(here, 'ada')
    const bob = await visitRaw(here, 'bob')
    expect(bob.of('presence')).toEqual([])
    await visitRaw(here, 'cy')
    expect(ada.of('presence').at(-1)).toBe(bob.of('presence').at(-1))
    expect(bob.of('presence')).toEqual([
      '{"op":"presence","in":"/ws/hall","leaves":[],"joins":[{"user":"cy","info":{}}]}',
    ])
  })

  test('of 200 who come at once is 21 frames at most, the last of which holds all that were left', async () => {
    const { clock, here } = serversOnOneLayer()
    const ada = await visitRaw(here, 'ada')
    for (const user of names(1, 200)) await visitAs(here, user)
    const before = ada.of('presence').length
    expect(before).toBeLessThanOrEqual(20)
    await clock.advance(50)
    expect(ada.of('presence').length).toBe(before + 1)
    const seen = ada.of('presence').flatMap((frame) => frame.match(/user-\d+/g) ?? [])
    expect(new Set(seen).size).toBe(199)
  })

  // proves: presence-storm
  test('of 1,000 who come grows with their number, not with its square', async () => {
    const { clock, here } = serversOnOneLayer()
    const visitors = [await visitRaw(here, 'ada'), await visitRaw(here, 'bob')]
    for (const user of names(1, 1_000)) await visitAs(here, user)
    await clock.advance(1_000)
    for (const { frames } of visitors) expect(frames.join('').length).toBeLessThan(12_000)
  })
})

test('a reader whose room would have a list of 7 MB stays, however little it reads', async () => {
  const server = sallyport()
  server.serve(presenceApp)
  const { port: number } = await server.listen(0)
  onTestFinished(async () => {
    cutRawClients()
    await server.close({ drain: 0 })
  })
  const about = { about: 'x'.repeat(7_000) }
  for (const user of names(0, 1_000)) await visitAs(server, user, about)
  const client = await rawClient(number, '/ws/hall', {
    headers: ['x-user: ada', 'sec-websocket-protocol: sallyport.v1'],
  })
  client.socket.pause()
  for (const user of names(1_000, 1_200)) await visitAs(server, user, about)
  client.socket.resume()
  await expect
    .poll(() => client.heard.messages.find((text) => text.includes('"opened"')))
    .toContain('"count":1001')
  expect(client.heard.closed).toBe(null)
  expect(server.connections).toBe(1_201)
})
