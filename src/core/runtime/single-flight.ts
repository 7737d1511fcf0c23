/**
 * Calls under way. A caller that asks for the same thing while a call is under way gets the result of that
 * call. So fifty tabs of one user cost one call. The key is an object and a text.
 */
export class SingleFlight<T> {
  readonly #underWay = new WeakMap<object, Map<string, Promise<T>>>()

  /** Calls `ask`, or waits for the same call under way. */
  once(owner: object, what: string, ask: () => Promise<T>): Promise<T> {
    const calls = this.#underWay.get(owner) ?? new Map<string, Promise<T>>()
    const known = calls.get(what)
    if (known !== undefined) return known
    const asking = ask().finally(() => calls.delete(what))
    this.#underWay.set(owner, calls.set(what, asking))
    return asking
  }
}
