import { AsyncLocalStorage } from 'node:async_hooks'
import type { Messenger, Receipt, RevokeTarget } from 'sallyport'

/** Ends and rechecks access, tells people why, and knows what came of it. */
export interface Access extends Pick<Messenger, 'revoke' | 'recheck'> {
  /** Runs something; every order to revoke that is given meanwhile, by hooks too, says this reason in place of its own. */
  because<T>(reason: string | undefined, work: () => Promise<T>): Promise<T>
  /**
   * Runs something and answers with what came of every order that was given meanwhile, also by the hooks of the
   * identity server, which wait for nothing and answer no caller.
   *
   * @throws what the work throws
   * @example await access.receiptOf(() => identity.api.banUser({ headers, body }))
   */
  receiptOf(work: () => Promise<unknown>): Promise<Receipt>
}

const nothing: Receipt = { closed: 0, changed: 0, dropped: 0, nodes: [], silent: [] }

/** The words for the reasons of `revocations()`, where the caller has given no better ones. */
const words: Readonly<Record<string, string>> = {
  'session-ended': 'your session has ended',
  banned: 'your account is banned',
  removed: 'your account was removed',
}

/** Access as a port gives and takes it. */
export function access(server: Pick<Messenger, 'revoke' | 'recheck'>): Access {
  const reasons = new AsyncLocalStorage<string>()
  const books = new AsyncLocalStorage<Map<string, Promise<Receipt>>>()
  /** What is asked twice at once is answered twice with the same sockets: the first answer counts. */
  const noted = (about: string, order: Promise<Receipt>): Promise<Receipt> => {
    const book = books.getStore()
    if (book?.has(about) === false) book.set(about, order)
    return order
  }
  const worded = <T extends { readonly reason?: string }>(whom: T): T => {
    if (whom.reason === undefined) return whom
    return { ...whom, reason: reasons.getStore() ?? words[whom.reason] ?? whom.reason }
  }
  return {
    revoke: (whom) => noted(`revoke ${keyOf(whom)}`, server.revoke(worded(whom))),
    recheck: (whom) => noted(`recheck ${keyOf(whom)}`, server.recheck(worded(whom))),
    because: (reason, work) => (reason === undefined ? work() : reasons.run(reason, work)),
    async receiptOf(work) {
      const book = new Map<string, Promise<Receipt>>()
      await books.run(book, work)
      return (await Promise.all(book.values())).reduce(both, nothing)
    },
  }
}

function keyOf({ user, session, token, at }: RevokeTarget): string {
  return JSON.stringify([user, session, token, at?.[0].path, at?.[1]])
}

function both(one: Receipt, other: Receipt): Receipt {
  return {
    closed: one.closed + other.closed,
    changed: one.changed + other.changed,
    dropped: one.dropped + other.dropped,
    nodes: [...new Set([...one.nodes, ...other.nodes])],
    silent: [...new Set([...one.silent, ...other.silent])],
  }
}
