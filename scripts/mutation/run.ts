// Takes out every check that guards a door, one at a time, and asks the tests whether they notice; lists what they do not.
// Works on copies of the tree, so that nothing is left behind. By hand, for it takes long:
// npm run mutate [-- parts of the names of files]
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { accepted } from './accepted.ts'
import { type Guarded, guarded } from './guards.ts'
import { type Mutant, mutated, mutantsOf } from './mutants.ts'
import type { Outcome, Run } from './tests.ts'

/** A test run that takes longer hangs, which is noticed too. */
const patienceMs = 90_000
const parts = ['src', 'test', 'examples', 'showcase', 'scripts', 'package.json', 'vitest.config.ts']
const pages = ['PROTOCOL.md', 'README.md', 'SECURITY.md', 'docs']

/** A tree of its own, in which one check at a time is missing. */
class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sallyport-mutation-'))
  #tests: ChildProcess | null = null

  constructor() {
    process.on('exit', () => this.remove())
    for (const part of [...parts, ...pages])
      cpSync(part, join(this.#folder, part), {
        recursive: true,
        filter: (path) => !path.includes('node_modules'),
      })
    symlinkSync(resolve('node_modules'), join(this.#folder, 'node_modules'))
  }

  /** What fails first when the file is this, or null when its tests pass. */
  async failure({ file, tests }: Guarded, source: string): Promise<Outcome> {
    const changed = this.write(file, source)
    const child = await this.#start()
    return new Promise((done) => {
      const over = (failed: Outcome): void => {
        clearTimeout(late)
        child.removeAllListeners()
        done(failed)
      }
      const lost = (why: string) => (): void => {
        this.#stop()
        over(why)
      }
      const late = setTimeout(lost('took too long'), patienceMs)
      child.once('message', ({ failed }: { failed: Outcome }) => over(failed))
      child.once('exit', lost('ended the process'))
      child.send({ tests, changed } satisfies Run)
    })
  }

  /** A file as it is here: the tree that was copied may have changed since. */
  read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8')
  }

  write(file: string, source: string): string {
    const path = join(this.#folder, file)
    writeFileSync(path, source)
    return path
  }

  async #start(): Promise<ChildProcess> {
    if (this.#tests !== null) return this.#tests
    this.#tests = fork(join(this.#folder, 'scripts/mutation/tests.ts'), {
      cwd: this.#folder,
      stdio: 'ignore',
      env: { ...process.env, SALLYPORT_STORIES: '60', SALLYPORT_PATIENCE_MS: '3000' },
      detached: true,
    })
    await once(this.#tests, 'message')
    return this.#tests
  }

  /** Ends the tests and the worker that runs them. */
  #stop(): void {
    const pid = this.#tests?.pid
    this.#tests = null
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  }

  remove(): void {
    this.#stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What became of the checks of one folder. */
interface Score {
  readonly files: number
  readonly noticed: number
  readonly survived: number
  readonly accepted: number
}

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: {
    each: { type: 'boolean', default: false },
    accepted: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const survivors: string[] = []
const scores = new Map<string, Score>()

async function tryFile(copy: Copy, one: Guarded): Promise<void> {
  const { file } = one
  const source = copy.read(file)
  const unfit = await unfitness(copy, one, source)
  if (unfit !== null) {
    copy.write(file, source)
    return survive(`${file}: ${unfit}`)
  }
  const all = mutantsOf(source)
  assertKnown(file, all)
  const isAccepted = ({ what }: Mutant): boolean => accepted.has(`${file}: ${what}`)
  const mutants = all.filter((mutant) => !isAccepted(mutant))
  let survived = 0
  for (const mutant of mutants) {
    const failed = await copy.failure(one, mutated(source, mutant))
    if (values.each) console.log(`  line ${mutant.line}: ${mutant.what}\n    ${failed ?? 'NOT NOTICED'}`)
    if (failed !== null) continue
    survived++
    survive(`${file}: ${mutant.what}`, mutant.line)
  }
  if (values.accepted)
    for (const mutant of all.filter(isAccepted)) {
      const failed = await copy.failure(one, mutated(source, mutant))
      if (failed !== null) survive(`${file}: ${mutant.what} is accepted, but noticed: ${failed}`, mutant.line)
    }
  const noticed = mutants.length - survived
  console.log(`${file}: ${noticed} of ${mutants.length} noticed`)
  score(file, { files: 1, noticed, survived, accepted: all.length - mutants.length })
  if ((await copy.failure(one, source)) !== null) survive(`${file}: its tests fail when all is as it was`)
}

/**
 * Why the tests of a file cannot judge it: they fail before anything is taken out, or do not notice when it does not load at all.
 * Null when they can.
 */
async function unfitness(copy: Copy, one: Guarded, source: string): Promise<string | null> {
  const failed = await copy.failure(one, source)
  if (failed !== null) return `its tests fail before anything is taken out: ${failed}`
  const broken = await copy.failure(one, `throw new Error('does not load')\n${source}`)
  return broken === null ? 'its tests do not notice that it does not load' : null
}

function survive(what: string, line?: number): void {
  survivors.push(what)
  console.log(line === undefined ? what : `  not noticed, line ${line}: ${what}`)
}

/** Whatever is accepted must be there: a check that has changed is another one. */
function assertKnown(file: string, mutants: readonly Mutant[]): void {
  const there = new Set(mutants.map(({ what }) => `${file}: ${what}`))
  const stale = [...accepted.keys()].find((key) => key.startsWith(`${file}: `) && !there.has(key))
  if (stale !== undefined) throw new Error(`accepted.ts lists what is not there any more: ${stale}`)
}

function score(file: string, more: Score): void {
  const sum = scores.get(dirname(file)) ?? { files: 0, noticed: 0, survived: 0, accepted: 0 }
  scores.set(dirname(file), {
    files: sum.files + more.files,
    noticed: sum.noticed + more.noticed,
    survived: sum.survived + more.survived,
    accepted: sum.accepted + more.accepted,
  })
}

async function work(queue: Guarded[]): Promise<void> {
  const copy = new Copy()
  for (let one = queue.shift(); one !== undefined; one = queue.shift()) await tryFile(copy, one)
  copy.remove()
}

// what is under way is ended, and the copies go, however this ends
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
const usage = `npm run mutate -- [parts of the names of files]

  npm run mutate                           all ${guarded.length} files that guard a door
  npm run mutate -- src/auth core/gate     those whose name contains one of these parts, in this order
  npm run mutate -- --each core/gate       the same, and says of every check which test noticed
  npm run mutate -- --accepted core/gate   the same, and tries those that are accepted: a test that notices one refutes its reason
  npm run mutate -- --help                 this text`
if (values.help) {
  console.log(usage)
  process.exit()
}
const named = (part: string): readonly Guarded[] => guarded.filter(({ file }) => file.includes(part))
const wanted = asked.length === 0 ? [...guarded] : [...new Set(asked.flatMap(named))]
// a run of no file would say that all is well
const unknown = asked.find((part) => named(part).length === 0)
if (unknown !== undefined) throw new Error(`no file that guards a door has '${unknown}' in its name`)
await Promise.all(Array.from({ length: Math.min(wanted.length, availableParallelism()) }, () => work(wanted)))
console.table(Object.fromEntries(scores))
for (const survivor of survivors) console.log(survivor)
process.exitCode = survivors.length === 0 ? 0 : 1
