import { endpoint, sallyport } from 'sallyport'
import { visit } from 'sallyport/testing'
import { type Invited, type Member, open } from './crowd.ts'
import { startHouse } from './house.ts'
import { auth, options, room } from './room.ts'

/** A place where sockets are open and users are revoked; all times are nanoseconds of the machine's clock. */
export interface Venue {
  readonly name: string
  /** Opens a socket for each of these. */
  invite(invited: readonly Invited[]): Promise<void>
  /** When each socket of a user has heard its close frame. */
  endsOf(user: string): readonly Promise<bigint>[]
  /** Revokes a user: when that was called, how long its receipt took, and how many sockets it says it has closed. */
  revoke(
    user: string,
  ): Promise<{ readonly calledAt: bigint; readonly tookMs: number; readonly closed: number }>
  close(): Promise<void>
}

/** Sockets over loopback: clients in this process, the server in another. */
export async function overSockets(): Promise<Venue> {
  const house = await startHouse()
  const crowd: Member[] = []
  return {
    name: 'sockets',
    invite: async (invited) => void crowd.push(...(await open(house.number, invited))),
    endsOf: (user) =>
      crowd.filter((member) => member.user === user).map(({ closed }) => closed.then(({ at }) => at)),
    revoke: (user) => house.revoke(user),
    close: async () => {
      for (const member of crowd) member.cut()
      await house.stop()
    },
  }
}

/** Wires in memory, both ends in this process: as many as memory holds, where descriptors are fewer. */
export async function inMemory(): Promise<Venue> {
  const server = sallyport(options)
  const echo = endpoint(room, { auth }, async (socket) => {
    for await (const line of socket) socket.send(line)
  })
  const crowd: { readonly user: string; readonly closed: Promise<bigint> }[] = []
  return {
    name: 'memory',
    async invite(invited) {
      for (const { user } of invited) {
        const { closed } = await visit(echo, {}, { server, headers: { 'x-user': user } })
        crowd.push({ user, closed: closed.then(() => process.hrtime.bigint()) })
      }
    },
    endsOf: (user) => crowd.filter((member) => member.user === user).map(({ closed }) => closed),
    async revoke(user) {
      const calledAt = process.hrtime.bigint()
      const { closed } = await server.revoke({ user, reason: 'measured' })
      return { calledAt, tookMs: Number(process.hrtime.bigint() - calledAt) / 1e6, closed }
    },
    close: () => server.close({ drain: 0 }),
  }
}
