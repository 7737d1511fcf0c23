import { createHash } from 'node:crypto'
import { deny } from 'sallyport'

/** A number of failures that is forgiven within a window. */
export interface Allowance {
  readonly most: number
  readonly windowMs: number
}

/** How many failed attempts to sign in are borne. */
export interface SignInAllowances {
  /** From one network (an IPv4 address or an IPv6 /64), for all accounts together. */
  readonly network: Allowance
  /** For one account from one network. */
  readonly pair: Allowance
  /** For one account from all networks together, but for those where it has signed in before. */
  readonly account: Allowance
}

/**
 * 30 failures a minute from one network, 5 a minute for one account from there, 30 in a quarter of an hour
 * for one account from everywhere.
 */
export const signInAllowances: SignInAllowances = {
  network: { most: 30, windowMs: 60_000 },
  pair: { most: 5, windowMs: 60_000 },
  account: { most: 30, windowMs: 900_000 },
}

const monotonic = (): number => performance.now()

/** What came of asking to try: go ahead and say how it ended, or wait so long. */
export type SignInAttempt =
  | { readonly allowed: true; succeeded(): void; abandoned(): void }
  | { readonly allowed: false; readonly retryAfterMs: number }

/** Slows down those who guess passwords. */
export interface SignInLimiter {
  /**
   * Counts an attempt as failed until the caller reports its success, so that many at once count as well as
   * many in turn.
   *
   * @param account the user name or e-mail address, as it was typed
   * @param network what {@link networkPrefix} says of the client
   */
  readonly attempt: (account: string, network: string) => SignInAttempt
}

/** A number of things that one network or person may do within a window, however they end. */
export interface Budget {
  /** @throws Denial 429 when it is used up */
  readonly spend: (whose: string) => void
}

/** 20 accounts in ten minutes from one network. */
export const signUpAllowance: Allowance = { most: 20, windowMs: 600_000 }

/** 120 tickets a minute for one person: a page that reconnects asks for one each time. */
export const ticketAllowance: Allowance = { most: 120, windowMs: 60_000 }

/** 20 rooms an hour for one person: each is shown in the list of all who may know it. */
export const newRoomAllowance: Allowance = { most: 20, windowMs: 3_600_000 }

/** 10 changes of a password in a quarter of an hour for one person, the failed ones among them. */
export const passwordChangeAllowance: Allowance = { most: 10, windowMs: 900_000 }

/** Bounds what one network or person may do, such as making accounts. */
export function budget(allowance: Allowance, now: () => number = monotonic): Budget {
  const spent = counter(allowance, now)
  return {
    spend(whose) {
      const waitMs = spent.waitMs(whose)
      if (waitMs > 0) slowDown(waitMs)
      spent.add(whose, 1)
    },
  }
}

/** @throws Denial 429 always */
export function slowDown(retryAfterMs: number): never {
  return deny(429, 'slow-down', 'Too many attempts: try again later.', { retryAfterMs })
}

// an attacker who invents names cannot make it grow; the oldest count is forgotten first
const mostKeys = 50_000

/**
 * Counts failures per network, per account and per both. The owner of an account is not locked out by
 * strangers: a network where they signed in before has only its own count to fear.
 *
 * @param now milliseconds of a clock that nothing sets: a wall clock that jumps ahead would forgive what was counted
 */
export function signInLimiter(
  allowances: SignInAllowances = signInAllowances,
  now: () => number = monotonic,
): SignInLimiter {
  const network = counter(allowances.network, now)
  const pair = counter(allowances.pair, now)
  const account = counter(allowances.account, now)
  const known = recent(mostKeys)

  return {
    attempt(name, from) {
      const accountKey = digest(name.trim().normalize('NFKC').toLowerCase())
      const pairKey = `${accountKey} ${from}`
      const counts = [
        { counter: network, key: from },
        { counter: pair, key: pairKey },
        ...(known.has(pairKey) ? [] : [{ counter: account, key: accountKey }]),
      ]
      const retryAfterMs = Math.max(...counts.map((one) => one.counter.waitMs(one.key)))
      if (retryAfterMs > 0) return { allowed: false, retryAfterMs }
      for (const one of counts) one.counter.add(one.key, 1)
      const abandoned = (): void => {
        for (const one of counts) one.counter.add(one.key, -1)
      }
      const succeeded = (): void => {
        abandoned()
        known.add(pairKey)
      }
      return { allowed: true, succeeded, abandoned }
    },
  }
}

/** Names are kept as digests: bounded in size, and of no use in a memory dump. */
function digest(name: string): string {
  return createHash('sha256').update(name).digest('base64url')
}

interface Counter {
  waitMs(key: string): number
  add(key: string, count: number): void
}

/** Fixed windows that begin with the first count. */
function counter({ most, windowMs }: Allowance, now: () => number): Counter {
  const windows = new Map<string, { count: number; readonly ends: number }>()
  const current = (key: string): { count: number; readonly ends: number } | undefined => {
    const found = windows.get(key)
    if (found === undefined || found.ends > now()) return found
    windows.delete(key)
    return undefined
  }
  return {
    waitMs(key) {
      const found = current(key)
      return found !== undefined && found.count >= most ? found.ends - now() : 0
    },
    add(key, count) {
      const found = current(key)
      if (found !== undefined) found.count = Math.max(0, found.count + count)
      else if (count > 0) {
        windows.set(key, { count, ends: now() + windowMs })
        forgetOldest(windows)
      }
    },
  }
}

function recent(most: number): { has(key: string): boolean; add(key: string): void } {
  const keys = new Map<string, true>()
  return {
    has: (key) => keys.has(key),
    add(key) {
      // taken out first, so that it counts as the newest
      keys.delete(key)
      keys.set(key, true)
      forgetOldest(keys, most)
    },
  }
}

function forgetOldest(map: Map<string, unknown>, most: number = mostKeys): void {
  if (map.size <= most) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
