import { expect, test } from 'vitest'
import { z } from 'zod'
import { runAdmission } from '../../../src/core/admission/admit.ts'
import { applicationOf, openingOf } from '../../../src/core/admission/opening.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import { consumer, contract, Denial, type Application, router, type Tracer } from '../../../src/index.ts'
import { jwt } from '../../../src/auth/jwt.ts'
import { memoryHandshake } from '../../../src/transports/memory.ts'
import { settled } from '../../../src/testing/clock.ts'
import { testServer } from '../../../src/testing.ts'
import { handmade, secret } from '../../support/tokens.ts'

const lines = contract('/ws/lines', { client: z.string(), server: z.string() })
const room = consumer(lines, { auth: jwt({ secret, user: ({ sub }) => ({ id: sub }) }) }, () => ({
  message: () => {},
}))

const claims = { sub: 'ada', exp: Math.ceil(Date.now() / 1000) + 600 }
const right = handmade({ alg: 'HS256' }, claims)
const tokens = { right, wrong: `${right.slice(0, -20)}AAAAAAAAAAAAAAAAAAAA` }

async function arriving(
  token: keyof typeof tokens,
  { path = '/ws/lines', tracer }: { path?: string; tracer?: Tracer } = {},
) {
  const server = testServer({ report: () => {}, ...(tracer === undefined ? {} : { tracer }) })
  // the revocations of a new server are known a moment later
  await settled()
  const headers = new Headers({ authorization: `Bearer ${tokens[token]}` })
  const visit = { path, query: '', headers, address: '192.0.2.1', known: null }
  return memoryHandshake(server[serverContext], visit, { message: () => {}, ended: () => {} })
}

test('a refusal that is known at once is answered in the same turn, and is no exception', async () => {
  expect(openingOf(room)((await arriving('wrong')).handshake)).toMatchObject({
    status: 401,
    reason: 'invalid-token',
  })
  expect(openingOf(room)((await arriving('right', { path: '/elsewhere' })).handshake)).toMatchObject({
    status: 404,
  })
  expect(openingOf(router([room]))((await arriving('wrong')).handshake)).toMatchObject({ status: 401 })
  const { handshake, host } = await arriving('wrong')
  expect(runAdmission(room, { handshake, host })).toBeInstanceOf(Denial)
})

test('a peer that is known at once is accepted in the same turn', async () => {
  const { handshake, host } = await arriving('right')
  expect(runAdmission(router([room]), { handshake, host })).toBeNull()
})

test('a path that is not among ten thousand routes is a 404', async () => {
  const routes = Array.from({ length: 10_000 }, (_, n) =>
    Object.assign(async () => {}, { contract: contract(['/ws', n].join('/'), {}) }),
  )
  const { handshake } = await arriving('right', { path: '/elsewhere' })
  expect(openingOf(router(routes))(handshake)).toMatchObject({ status: 404 })
})

test('an application that calls an endpoint gets its refusal as an exception', async () => {
  const wrapper: Application = (handshake) => room(handshake)
  await expect(wrapper((await arriving('wrong')).handshake)).rejects.toBeInstanceOf(Denial)
  await expect(room((await arriving('wrong')).handshake)).rejects.toMatchObject({ status: 401 })
  await expect(router([wrapper])((await arriving('wrong')).handshake)).rejects.toMatchObject({ status: 401 })
})

test('a wrapper with the properties of its endpoint is called itself', async () => {
  const closed = new Denial(403, 'closed')
  const wrapper = Object.assign(() => Promise.reject(closed), room)
  for (const application of [wrapper, router([wrapper])])
    expect(await openingOf(application)((await arriving('right')).handshake)).toBe(closed)
})

test('an error that is no denial passes an application as it is', async () => {
  const fault = new Error('the disk is full')
  const failing: Application = () => Promise.reject(fault)
  const broken = applicationOf(() => {
    throw fault
  })
  for (const application of [failing, broken])
    await expect(router([application])((await arriving('right')).handshake)).rejects.toBe(fault)
  const { handshake, host } = await arriving('right')
  expect(await runAdmission(failing, { handshake, host })).toMatchObject({ status: 503, cause: fault })
})

test('a tracer sees a refusal as the failure of its span, and the peer is answered the same', async () => {
  const seen: unknown[] = []
  const tracer: Tracer = {
    run(work, inside) {
      try {
        const result = inside(null)
        seen.push([work.kind, result])
        return result
      } catch (error) {
        seen.push([work.kind, error])
        throw error
      }
    },
  }
  const { handshake, host } = await arriving('wrong', { tracer })
  const denial = await runAdmission(room, { handshake, host })
  expect(denial).toMatchObject({ status: 401, reason: 'invalid-token' })
  const accepted = await arriving('right', { tracer })
  expect(await runAdmission(room, accepted)).toBeNull()
  expect(seen).toEqual([
    ['handshake', denial],
    ['handshake', null],
  ])
})

test('a tracer that answers nothing refuses no peer', async () => {
  // true for a tracer in JavaScript, which no compiler has checked
  const tracer = {
    run(_work: unknown, inside: (own: null) => unknown) {
      inside(null)
    },
  } as unknown as Tracer
  const { handshake, host } = await arriving('right', { tracer })
  expect(await runAdmission(room, { handshake, host })).toBeNull()
})
