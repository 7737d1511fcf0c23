import { defineConfig } from 'vitest/config'

// those of Node, not of bundlers: what some packages have under 'module', Node cannot import
const conditions = ['sallyport-src', 'node', 'development|production']

// the mutation test, in which things are meant not to happen, waits for less
const patienceMs = Number(process.env['SALLYPORT_PATIENCE_MS'] ?? 30_000)

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    // a machine that does other things as well takes its time: what fails is what does not happen at all
    expect: { poll: { timeout: patienceMs } },
    provide: { patienceMs },
    setupFiles: ['./test/support/patience.ts'],
    reporters: ['default', './test/plain-reporter.ts', './test/secrets-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          testTimeout: 90_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
