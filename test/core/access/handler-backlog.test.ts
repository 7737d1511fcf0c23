import { describe, expect, test } from 'vitest'
import { serverContext } from '../../../src/core/server-context.ts'
import {
  consumer,
  contract,
  endpoint,
  optional,
  type ServerOptions,
  type SallyportEvent,
  text,
} from '../../../src/index.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { ada, byName } from '../support/members.ts'

const lines = contract('/ws/lines', { client: text, server: text })
const tooMuch = { status: 429, code: 'too-much-waiting', close: { code: 4429 } }

/** Handlers that go on until they are told to end, and how many of them are at work. */
function serverWithPendingHandlers(options: ServerOptions = {}) {
  const works: (() => void)[] = []
  const events: SallyportEvent[] = []
  const server = testServer({ on: (event) => events.push(event), ...options })
  const work = async (): Promise<void> => new Promise((resolve) => works.push(resolve))
  const auth = optional(byName)
  const apps = {
    message: consumer(lines, { auth }, () => ({ message: work })),
    open: consumer(lines, { auth }, () => ({ open: work, message: () => {} })),
    close: consumer(lines, { auth }, () => ({ close: work, message: () => {} })),
    loop: endpoint(lines, { auth }, work),
  }
  type Kind = keyof typeof apps
  /** Comes, has a handler begin, and leaves as a client does that reconnects. */
  const connectAndLeave = async (
    kind: Kind,
    who: { readonly headers: Record<string, string> },
  ): Promise<void> => {
    const tab = await visit(apps[kind], {}, { ...who, server })
    if (kind === 'message') tab.raw(JSON.stringify({ op: 'msg', in: '/ws/lines', data: 'work' }))
    await settled()
    tab.leave()
    await settled()
  }
  const limited = () => events.filter(({ type }) => type === 'limited')
  return { works, server, apps, connectAndLeave, limited }
}
const as = (name: string) => ({ headers: { 'x-test-user': name } })

describe.each(['message', 'open', 'close', 'loop'] as const)('handlers of %s', (kind) => {
  test('of sockets that have left are bounded for a user, and cost other users nothing', async () => {
    const { works, server, connectAndLeave, limited } = serverWithPendingHandlers({
      limits: { orphanedHandlers: 5 },
    })
    for (let count = 0; count < 5; count++) await connectAndLeave(kind, as('Ada'))
    for (let count = 0; count < 20; count++)
      await expect(connectAndLeave(kind, as('Ada'))).rejects.toMatchObject(tooMuch)
    expect(works).toHaveLength(5)
    expect(limited()[0]).toMatchObject({ limit: 'orphanedHandlers', scope: 'identity', subject: ada.id })
    await connectAndLeave(kind, as('Grace'))
    for (const settle of works.splice(0)) settle()
    await settled()
    expect(server[serverContext].backlog.size).toBe(0)
    await connectAndLeave(kind, as('Ada'))
  })
})

// proves: orphaned-handlers
test('274 reconnects beyond a cap of 50 leave at most 150 handlers at work, with evicted ones', async () => {
  const { works, server, apps } = serverWithPendingHandlers()
  let refused = 0
  for (let count = 0; count < 274; count++) {
    const tab = await visit(apps.message, {}, { ...as('Ada'), server }).catch(() => null)
    tab?.raw(JSON.stringify({ op: 'msg', in: '/ws/lines', data: 'work' }))
    refused += tab === null ? 1 : 0
    await settled()
  }
  expect([works.length, refused]).toEqual([150, 124])
  expect(server.connections).toBe(50)
})

test('300 sockets of a user that end at once block no user when the cap was raised to 5,000', async () => {
  const { works, server, apps } = serverWithPendingHandlers({ limits: { connectionsPerIdentity: 5_000 } })
  const tabs = []
  for (let count = 0; count < 300; count++) tabs.push(await visit(apps.close, {}, { ...as('Ada'), server }))
  for (const tab of tabs) tab.leave()
  await settled()
  expect(works).toHaveLength(300)
  // it was 429
  await visit(apps.close, {}, { ...as('Ada'), server })
})

test('handlers of kicked sockets, which are not heard any more, count until they settle', async () => {
  const { works, server, connectAndLeave, apps } = serverWithPendingHandlers({
    limits: { orphanedHandlers: 1 },
  })
  const tab = await visit(apps.message, {}, { ...as('Ada'), server })
  tab.raw(JSON.stringify({ op: 'msg', in: '/ws/lines', data: 'work' }))
  await settled()
  expect(await server.revoke({ user: ada.id, at: [lines, {}], reason: 'out' })).toMatchObject({ closed: 1 })
  await expect(connectAndLeave('message', as('Ada'))).rejects.toMatchObject(tooMuch)
  for (const settle of works.splice(0)) settle()
  await settled()
  await connectAndLeave('message', as('Ada'))
})

test('a client that reconnects often while its short handlers settle is never refused', async () => {
  const { works, connectAndLeave, limited } = serverWithPendingHandlers({
    limits: { orphanedHandlers: 2, connectionsPerIdentity: 1 },
  })
  for (let count = 0; count < 100; count++) {
    await connectAndLeave('message', as('Ada'))
    for (const settle of works.splice(0)) settle()
    await settled()
  }
  expect(limited()).toEqual([])
})

test('handlers of guests count for their network, and a user at the same address is let in', async () => {
  const { works, connectAndLeave, limited } = serverWithPendingHandlers({
    limits: { guestOrphanedHandlers: 3 },
  })
  const guest = { headers: {} }
  for (let count = 0; count < 3; count++) await connectAndLeave('message', guest)
  await expect(connectAndLeave('message', guest)).rejects.toMatchObject(tooMuch)
  expect(limited()).toEqual([expect.objectContaining({ limit: 'guestOrphanedHandlers', scope: 'address' })])
  await connectAndLeave('message', as('Ada'))
  expect(works).toHaveLength(4)
})
