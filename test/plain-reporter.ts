import type { Reporter, TestModule } from 'vitest/node'

/** One closing line that any CI reads, such as "3 passed, 0 failed, 0 skipped". */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[] = []): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    count.failed += unhandled.length
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++
      if (module.errors().length > 0) count.failed++
    }
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  }
}
