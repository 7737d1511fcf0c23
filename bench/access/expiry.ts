import { quantile } from '../statistics.ts'
import { open } from './crowd.ts'
import { startHouse } from './house.ts'

/** How exactly sockets end with the credential that opened them. */
export interface Expiry {
  readonly open: number
  readonly overSeconds: number
  /** From the expiry to the arrival of the close frame at its client. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  /** How many were closed before their time: none should be. */
  readonly early: number
  readonly connectSeconds: number
}

/** Opens so many sockets whose credentials expire one after the other over a time, and waits for all of them. */
export async function measureExpiry(count: number, overSeconds: number): Promise<Expiry> {
  const house = await startHouse()
  try {
    const began = Date.now()
    // all are to be open before the first one ends
    const firstMs = began + 1_000 * Math.ceil(count / 100)
    const due = (at: number): number => Math.round(firstMs + (at * overSeconds * 1_000) / count)
    const crowd = await open(
      house.number,
      Array.from({ length: count }, (_, at) => ({ user: `one-${at}`, expiresMs: due(at) })),
    )
    const connectedMs = Date.now()
    if (connectedMs > firstMs)
      throw new Error('this machine is too busy: connecting took longer than the first life')
    const ends = await Promise.all(crowd.map(({ closed }) => closed))
    const late = ends.map(({ wallMs }, at) => wallMs - due(at))
    const other = ends.find(({ code }) => code !== 4401)
    if (other !== undefined) throw new Error(`a socket was closed with ${other.code}, not 4401`)
    return {
      open: count,
      overSeconds,
      p50Ms: quantile(late, 0.5),
      p99Ms: quantile(late, 0.99),
      mostMs: Math.max(...late),
      early: late.filter((ms) => ms < 0).length,
      connectSeconds: (connectedMs - began) / 1_000,
    }
  } finally {
    await house.stop()
  }
}
