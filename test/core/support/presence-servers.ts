import { runAdmission } from '../../../src/core/admission/admit.ts'
import { serverContext } from '../../../src/core/server-context.ts'
import {
  type Authenticator,
  consumer,
  contract,
  type Layer,
  memory,
  type ServerOptions,
  type Server,
} from '../../../src/index.ts'
import { testServer, visit } from '../../../src/testing.ts'
import { settled, type TestClock, testClock } from '../../../src/testing/clock.ts'
import { memoryHandshake } from '../../../src/transports/memory.ts'
import { isRecord } from '../../../src/wire/json.ts'
import { z } from 'zod'

export const presenceRoom = contract('/ws/hall', { presence: z.any() })

/** Knows everyone by the name that they say; another header says what others see of them. */
const byWord: Authenticator<{ readonly id: string; readonly info: unknown }> = async ({ headers }) => ({
  user: { id: headers.get('x-user') ?? '', info: JSON.parse(headers.get('x-info') ?? '{}') as unknown },
})

/** A room where every user may come in and is seen. */
export const presenceApp = consumer(
  presenceRoom,
  { auth: byWord, presence: ({ user }) => (isRecord(user.info) ? user.info : null) },
  () => ({}),
)

/** Someone who comes in as `user`. */
export function visitAs(server: Server, user: string, info: object = {}) {
  const headers = { 'x-user': user, 'x-info': JSON.stringify(info) }
  return visit(presenceApp, {}, { headers, server })
}

/** The same with every frame as it comes. */
export async function visitRaw(
  server: Server,
  user: string,
  {
    info = {},
    endpoint = presenceApp,
  }: { readonly info?: object; readonly endpoint?: typeof presenceApp } = {},
) {
  const frames: string[] = []
  const headers = new Headers({
    'x-user': user,
    'x-info': JSON.stringify(info),
    'sec-websocket-protocol': 'sallyport.v1',
  })
  const { handshake, host, clientSide } = memoryHandshake(
    server[serverContext],
    { path: '/ws/hall', query: '', headers, address: '192.0.2.1', known: null },
    { message: (payload) => void frames.push(String(payload)), ended: () => {} },
  )
  const denial = await runAdmission(endpoint, { handshake, host })
  if (denial !== null) throw denial
  await settled()
  const of = (op: string) => frames.filter((frame) => frame.startsWith(`{"op":"${op}"`))
  return { frames, clientSide, of }
}

/** Nodes that share a layer and a clock. */
export function serversOnOneLayer(
  names: readonly string[] = ['here'],
  options: ServerOptions & { layer?: Layer } = {},
) {
  const clock: TestClock = testClock()
  const layer = options.layer ?? memory({ clock })
  const faults: unknown[] = []
  const servers = names.map((node) =>
    testServer({ report: (error) => void faults.push(error), ...options, layer, clock, node }),
  )
  const [here = testServer(), there = here, worker = here] = servers
  return { clock, layer, faults, here, there, worker }
}

export const usersOf = (members: readonly { readonly user: string }[]): readonly string[] =>
  members.map(({ user }) => user)
