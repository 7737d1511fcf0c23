import { expect, test } from 'vitest'
import { jwt } from '../../src/auth/jwt.ts'
import { tickets } from '../../src/auth/tickets.ts'
import { sessions } from '../../src/auth/sessions.ts'
import { consumer, contract, endpoint, memory, sallyport, text } from '../../src/index.ts'
import { testServer, visit } from '../../src/testing.ts'
import { ada, byName } from '../core/support/members.ts'

const lines = contract('/ws/lines', { client: text, server: text })

/** The same options, and how often each was read; an option answers `undefined` from the second time on. */
function changing<T extends object>(
  options: T,
): { readonly options: T; readonly reads: Map<string, number> } {
  const reads = new Map<string, number>()
  const proxy = new Proxy(options, {
    get(target, name, receiver) {
      const count = (reads.get(String(name)) ?? 0) + 1
      reads.set(String(name), count)
      return count === 1 ? (Reflect.get(target, name, receiver) as unknown) : undefined
    },
  })
  return { options: proxy, reads }
}

// proves: changing-options
test.each(['endpoint', 'consumer'] as const)(
  'an authorize that is gone when it is read again still refuses: %s',
  async (kind) => {
    const { options } = changing({
      auth: byName,
      authorize: () => null as null | true,
      refuse: { code: 4003 },
    })
    const application =
      kind === 'endpoint'
        ? endpoint(lines, options, async () => {})
        : consumer(lines, options, () => ({ message: () => {} }))
    await expect(visit(application, {}, { user: ada, server: testServer() })).rejects.toMatchObject({
      status: 403,
    })
  },
)

const secret = 'k'.repeat(32)
const user = (): { id: string } => ({ id: '1' })
const made = {
  'sallyport()': () =>
    changing({ origins: ['https://app.example'], hosts: ['app.example'], limits: { messageBytes: 10 } }),
  'jwt()': () =>
    changing({ secret, algorithms: ['HS256'] as const, issuer: 'https://i.example', audience: 'a', user }),
  'tickets()': () => changing({ store: sallyport({ layer: memory() }).store, user }),
  'sessions()': () => changing({ cookie: 'sid', load: async () => null, user }),
}
const make: Readonly<Record<keyof typeof made, (options: never) => unknown>> = {
  'sallyport()': sallyport,
  'jwt()': jwt,
  'tickets()': tickets,
  'sessions()': sessions,
}

test.each(Object.keys(made) as (keyof typeof made)[])('%s reads each option once', (name) => {
  const { options, reads } = made[name]()
  make[name](options as never)
  expect(reads.size).toBeGreaterThan(1)
  expect([...reads].filter(([, count]) => count > 1)).toEqual([])
})

// proves: changing-options
test('an origin that is pushed into the list after the start is not allowed', async () => {
  const origins = ['https://app.example']
  const server = testServer({ origins })
  origins.push('https://evil.example')
  const application = consumer(lines, { auth: byName }, () => ({ message: () => {} }))
  const who = (origin: string) => ({ headers: { origin, 'x-test-user': 'Ada' }, server })
  await visit(application, {}, who('https://app.example'))
  await expect(visit(application, {}, who('https://evil.example'))).rejects.toMatchObject({ status: 403 })
})
