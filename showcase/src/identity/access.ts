import { AsyncLocalStorage } from 'node:async_hooks'
import type { Messenger, Receipt, RevokeTarget } from 'sallyport'

/** Ends and rechecks access, tells people why, and knows what came of it. */
export interface Access extends Pick<Messenger, 'revoke' | 'recheck'> {
  /** Runs something; every order to revoke that is given meanwhile, by hooks too, says this reason in place of its own. */
  withReason<T>(reason: string | undefined, work: () => Promise<T>): Promise<T>
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
const reasonTexts: Readonly<Record<string, string>> = {
  'session-ended': 'your session has ended',
  banned: 'your account is banned',
  removed: 'your account was removed',
}

/** Access as a port gives and takes it. */
export function access(server: Pick<Messenger, 'revoke' | 'recheck'>): Access {
  const reasons = new AsyncLocalStorage<string>()
  const collected = new AsyncLocalStorage<Map<string, Promise<Receipt>>>()
  /** What is asked twice at once is answered twice with the same sockets: the first answer counts. */
  const collect = (about: string, receipt: Promise<Receipt>): Promise<Receipt> => {
    const receipts = collected.getStore()
    if (receipts?.has(about) === false) receipts.set(about, receipt)
    return receipt
  }
  const withReasonText = <T extends { readonly reason?: string }>(target: T): T => {
    if (target.reason === undefined) return target
    return { ...target, reason: reasons.getStore() ?? reasonTexts[target.reason] ?? target.reason }
  }
  return {
    revoke: (target) => collect(`revoke ${keyOf(target)}`, server.revoke(withReasonText(target))),
    recheck: (target) => collect(`recheck ${keyOf(target)}`, server.recheck(withReasonText(target))),
    withReason: (reason, work) => (reason === undefined ? work() : reasons.run(reason, work)),
    async receiptOf(work) {
      const receipts = new Map<string, Promise<Receipt>>()
      await collected.run(receipts, work)
      return (await Promise.all(receipts.values())).reduce(combined, nothing)
    },
  }
}

function keyOf({ user, session, token, at }: RevokeTarget): string {
  return JSON.stringify([user, session, token, at?.[0].path, at?.[1]])
}

function combined(one: Receipt, other: Receipt): Receipt {
  return {
    closed: one.closed + other.closed,
    changed: one.changed + other.changed,
    dropped: one.dropped + other.dropped,
    nodes: [...new Set([...one.nodes, ...other.nodes])],
    silent: [...new Set([...one.silent, ...other.silent])],
  }
}
