import { afterEach } from 'vitest'
import { type Application, type ServerOptions, type Server, router, sallyport } from '../../src/index.ts'
import { byName, echo, room } from '../core/support/members.ts'
import { cutRawClients } from '../transports/node/raw-client.ts'
import { type Canary, canary } from './canary.ts'

/** A server under attack, with a canary in it. */
export interface Besieged {
  readonly server: Server
  readonly number: number
  readonly canary: Canary
  /** What was reported as unexpected. */
  readonly faults: unknown[]
}

const cleanups: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  cutRawClients()
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Serves echo, rooms and these applications, and sets a canary to talk: as somebody else than the attackers. */
export async function besieged(
  options: ServerOptions = {},
  ...more: Parameters<typeof router>[0][number][]
): Promise<Besieged> {
  const faults: unknown[] = []
  const server = sallyport({ report: (error) => faults.push(error), ...options })
  cleanups.push(() => server.close({ drain: 0 }))
  const application: Application = router([echo, room, ...more])
  server.serve(application)
  const { port: number } = await server.listen(0)
  const bird = await canary(`ws://127.0.0.1:${number}/ws/lines`, { 'x-test-user': 'Grace' })
  cleanups.push(() => bird.stop())
  return { server, number, canary: bird, faults }
}

export { byName }
