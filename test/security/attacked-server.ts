import { afterEach } from 'vitest'
import { type Application, type ServerOptions, type Server, router, sallyport } from '../../src/index.ts'
import { byName, echo, room } from '../core/support/members.ts'
import { cutRawClients } from '../transports/node/raw-client.ts'
import { type Neighbour, neighbour } from './neighbour.ts'

/** A server under attack, with a neighbour in it. */
export interface AttackedServer {
  readonly server: Server
  readonly number: number
  readonly neighbour: Neighbour
  /** What was reported as unexpected. */
  readonly faults: unknown[]
}

const cleanups: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  cutRawClients()
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Serves echo, rooms and these applications, and sets a neighbour to talk, as another user than the attackers. */
export async function attackedServer(
  options: ServerOptions = {},
  ...more: Parameters<typeof router>[0][number][]
): Promise<AttackedServer> {
  const faults: unknown[] = []
  const server = sallyport({ report: (error) => faults.push(error), ...options })
  cleanups.push(() => server.close({ drain: 0 }))
  const application: Application = router([echo, room, ...more])
  server.serve(application)
  const { port: number } = await server.listen(0)
  const other = await neighbour(`ws://127.0.0.1:${number}/ws/lines`, { 'x-test-user': 'Grace' })
  cleanups.push(() => other.stop())
  return { server, number, neighbour: other, faults }
}

export { byName }
