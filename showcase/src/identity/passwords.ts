import { hash as argon2, verify as argon2Verify } from '@node-rs/argon2'
import { APIError } from 'better-auth/api'

/**
 * The longest password that is hashed, in UTF-8 bytes: a hash costs time and memory that a stranger chooses.
 */
export const passwordLimit = 256

/** Hashes and checks passwords, a bounded number at a time. */
export interface Passwords {
  /** The argon2id hash in PHC form. @throws APIError 400 for one that is too long, 503 when too many wait */
  hash(password: string): Promise<string>
  /**
   * Whether the password fits the hash. @throws APIError 400 for one that is too long, 503 when too many wait
   */
  verify(attempt: { readonly hash: string; readonly password: string }): Promise<boolean>
  /** How many wait for their turn. */
  readonly waiting: number
}

/** How many hashes run at once, and how many may wait. */
export interface PasswordBounds {
  /** 2 unless said otherwise: half of libuv's threads, so that files and look-ups go on. */
  readonly concurrency?: number
  /** 64 unless said otherwise; beyond it the answer is 503. */
  readonly maxWaiting?: number
}

/**
 * argon2id with 19 MiB, two passes and one lane, the first choice of OWASP's password storage sheet, off the
 * event loop.
 *
 * @example const passwords = argon2id(); await passwords.verify({ hash: await passwords.hash('x'), password:
 * 'x' }) // true
 */
export function argon2id({ concurrency = 2, maxWaiting = 64 }: PasswordBounds = {}): Passwords {
  const queue: (() => void)[] = []
  let working = 0

  async function inTurn<T>(password: string, work: () => Promise<T>): Promise<T> {
    if (Buffer.byteLength(password) > passwordLimit)
      throw new APIError('BAD_REQUEST', { code: 'PASSWORD_TOO_LONG', message: 'Password too long' })
    if (working >= concurrency) await waitForTurn()
    else working += 1
    try {
      return await work()
    } finally {
      const next = queue.shift()
      if (next === undefined) working -= 1
      // the place is handed on, never free in between
      else next()
    }
  }

  function waitForTurn(): Promise<void> {
    if (queue.length >= maxWaiting)
      throw new APIError(
        'SERVICE_UNAVAILABLE',
        { code: 'BUSY', message: 'Too many sign-ins at once, try again' },
        { 'Retry-After': '2' },
      )
    return new Promise((resolve) => queue.push(resolve))
  }

  return {
    hash: (password) => inTurn(password, () => argon2(password)),
    verify: ({ hash, password }) => inTurn(password, () => argon2Verify(hash, password)),
    get waiting() {
      return queue.length
    },
  }
}
