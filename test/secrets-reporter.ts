import type { UserConsoleLog } from 'vitest'
import type { Reporter, Vitest } from 'vitest/node'
import { holdsCredential } from './support/credential-shapes.ts'

/** Fails a run in which any test, or a server that it started in its process, has written a credential to the console. */
export default class SecretsReporter implements Reporter {
  readonly #tellers = new Set<string>()
  #vitest: Vitest | null = null

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onUserConsoleLog({ content, taskId = '' }: UserConsoleLog): void {
    if (holdsCredential(content))
      this.#tellers.add(this.#vitest?.state.idMap.get(taskId)?.file.name ?? 'no test')
  }

  onTestRunEnd(): void {
    if (this.#tellers.size === 0) return
    console.error(`a credential was written to the console in ${[...this.#tellers].join(', ')}`)
    process.exitCode = 1
  }
}
