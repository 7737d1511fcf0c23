// iron-session: no store knows of its sealed cookie; what ends a copy early is the session's name inside, revoked.
import { randomUUID } from 'node:crypto'
import { unsealData } from 'iron-session'
import type { Authenticator } from 'sallyport'
import { sessions } from 'sallyport/auth/sessions'

/** What the cookie holds; `begin` makes one at each sign-in. */
export interface Sealed {
  readonly sid: string
  readonly userId: string
  readonly at: number
}

/** How long a seal is good, in seconds; `remember` of the port is at least as long, or a revocation is forgotten first. */
export const ttl = 12 * 3600

export const begin = (userId: string): Sealed => ({ sid: randomUUID(), userId, at: Date.now() })

/** The cookie of iron-session; `password` may hold several by their ids, while one is being replaced. */
export function member<U>(options: {
  readonly cookie: string
  readonly password: string | Record<string, string>
  find(userId: string): Promise<U | null>
}): Authenticator<U> {
  const { password, find } = options
  return sessions({
    cookie: options.cookie,
    load: async (seal) => {
      // a seal that is expired or foreign is {}, one that was tampered with may throw as well
      const { sid, userId, at } = await unsealData<Partial<Sealed>>(seal, { password, ttl }).catch(
        (): Partial<Sealed> => ({}),
      )
      return sid === undefined || userId === undefined || at === undefined ? null : { sid, userId, at }
    },
    user: ({ userId }) => find(userId),
    expires: ({ at }) => new Date(at + ttl * 1000),
    issuedAt: ({ at }) => new Date(at),
    id: ({ sid }) => sid,
  })
}
