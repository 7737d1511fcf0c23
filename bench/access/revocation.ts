import { setTimeout as after } from 'node:timers/promises'
import { quantile } from '../statistics.ts'
import type { Venue } from './venue.ts'

/** What it costs to revoke a user who has so many sockets among all that are open. */
export interface Revocation {
  readonly venue: string
  readonly open: number
  /** The sockets of each revoked user. */
  readonly each: number
  readonly users: number
  /** From the call to the arrival of each close frame at its client. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  /** From the call to its receipt, within the server: the median. */
  readonly receiptMs: number
}

interface Size {
  readonly each: number
  readonly users: number
}

/** So many users with so many sockets each are revoked, one after the other. */
const sizes: readonly Size[] = [
  { each: 1, users: 300 },
  { each: 10, users: 50 },
  { each: 100, users: 10 },
]
const pauseMs = 5

/** Opens so many sockets, revokes users of all sizes among them, and measures each. */
export async function measureRevocation(
  count: number,
  begin: () => Promise<Venue>,
): Promise<readonly Revocation[]> {
  const venue = await begin()
  try {
    const named = sizes.flatMap(({ each, users }) =>
      Array.from({ length: users * each }, (_, at) => ({ user: nameOf(each, at % users) })),
    )
    const others = Array.from({ length: Math.max(0, count - named.length) }, (_, at) => ({
      user: `one-${at}`,
    }))
    await venue.invite([...others, ...named])
    // what connecting has left behind is not what is measured
    await after(2_000)
    const results: Revocation[] = []
    for (const size of sizes)
      results.push({ venue: venue.name, open: others.length + named.length, ...(await revoked(venue, size)) })
    return results
  } finally {
    await venue.close()
  }
}

async function revoked(venue: Venue, { each, users }: Size): Promise<Omit<Revocation, 'venue' | 'open'>> {
  const arrivals: number[] = []
  const receipts: number[] = []
  for (let user = 0; user < users; user++) {
    const ends = venue.endsOf(nameOf(each, user))
    const { calledAt, tookMs, closed } = await venue.revoke(nameOf(each, user))
    if (closed !== each || ends.length !== each) throw new Error(`${closed} of ${each} sockets were closed`)
    for (const at of await Promise.all(ends)) arrivals.push(Number(at - calledAt) / 1e6)
    receipts.push(tookMs)
    await after(pauseMs)
  }
  return {
    each,
    users,
    p50Ms: quantile(arrivals, 0.5),
    p99Ms: quantile(arrivals, 0.99),
    mostMs: Math.max(...arrivals),
    receiptMs: quantile(receipts, 0.5),
  }
}

function nameOf(each: number, user: number): string {
  return `many-${each}-${user}`
}
