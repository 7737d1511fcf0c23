/**
 * Questions under way: whoever asks the same while one is under way gets its answer, so that fifty tabs of one user cost
 * one question. What asks the same is said by an object and a text, which both must be the same.
 */
export class SingleFlight<T> {
  readonly #underWay = new WeakMap<object, Map<string, Promise<T>>>()

  /** Asks, or waits for whoever is asking already. */
  once(whom: object, what: string, ask: () => Promise<T>): Promise<T> {
    const questions = this.#underWay.get(whom) ?? new Map<string, Promise<T>>()
    const known = questions.get(what)
    if (known !== undefined) return known
    const asking = ask().finally(() => questions.delete(what))
    this.#underWay.set(whom, questions.set(what, asking))
    return asking
  }
}
