// Runs tests of a copied tree again and again in one process: only the file that has changed is compiled anew, and each run has
// a worker of its own, so that no module of the run before is left in it. A child of run.ts, whose messages ask for the runs.
import { type TestModule, type TestSpecification, BaseSequencer, createVitest } from 'vitest/node'

/** A run that run.ts asks for: parts of the names of test files, and the file that has changed since the last run. */
export interface Run {
  readonly tests: readonly string[]
  readonly changed: string
}

/** What failed first, or null when all tests passed. */
export type Outcome = string | null

/** How long each test file took when it last passed, and how often it failed. */
const tookMs = new Map<string, number>()
const failures = new Map<string, number>()

/** What failed most often comes first, then the fastest: the run ends with the first test that fails. */
class LikeliestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const failed = ({ moduleId }: TestSpecification): number => failures.get(moduleId) ?? 0
    const took = ({ moduleId }: TestSpecification): number => tookMs.get(moduleId) ?? 0
    return files.toSorted((a, b) => failed(b) - failed(a) || took(a) - took(b))
  }
}

const vitest = await createVitest(
  'test',
  {
    project: 'node',
    bail: 1,
    watch: false,
    isolate: false,
    maxWorkers: 1,
    testTimeout: 30_000,
    reporters: [{}],
    sequence: { sequencer: LikeliestFirst },
  },
  { logLevel: 'silent' },
)

let judged = ''

async function run({ tests, changed }: Run): Promise<Outcome> {
  if (judged !== changed) failures.clear()
  judged = changed
  vitest.invalidateFile(changed)
  const wanted = await vitest.globTestSpecifications([...tests])
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(wanted)
  const mine = wanted.map(({ moduleId }) => testModules.find((one) => one.moduleId === moduleId))
  for (const one of mine) if (one?.state() === 'passed') tookMs.set(one.moduleId, one.diagnostic().duration)
  const failed = mine.find((one) => one?.state() === 'failed')
  if (failed !== undefined) {
    failures.set(failed.moduleId, (failures.get(failed.moduleId) ?? 0) + 1)
    return firstFailure(failed)
  }
  if (unhandledErrors.length > 0) return 'an unhandled error'
  return mine.length > 0 && mine.every((one) => one?.state() === 'passed')
    ? null
    : 'a test file that did not run'
}

function firstFailure(module: TestModule): string {
  for (const test of module.children.allTests('failed')) return test.fullName
  return module.relativeModuleId
}

process.on('message', async (wanted: Run) => {
  process.send?.({ failed: await run(wanted) })
})
process.send?.('ready')
