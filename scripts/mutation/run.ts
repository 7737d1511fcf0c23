// Takes out every check that guards a door, one at a time, and asks the tests whether they notice; lists what they do not.
// Works on copies of the tree, so that nothing is left behind. By hand, for it takes long:
// npm run mutate [-- parts of the names of files]
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { accepted } from './accepted.ts'
import { type Guarded, guarded } from './guards.ts'
import { type Mutant, mutated, mutantsOf } from './mutants.ts'

/** A test run that takes longer hangs, which is noticed too. */
const patienceMs = 90_000
const parts = ['src', 'test', 'examples', 'showcase', 'scripts', 'package.json', 'vitest.config.ts']
const pages = ['PROTOCOL.md', 'README.md', 'SECURITY.md', 'docs']

/** A tree of its own, in which one check at a time is missing. */
class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sallyport-mutation-'))
  #stop: () => void = () => {}

  constructor() {
    process.on('exit', () => this.remove())
    for (const part of [...parts, ...pages])
      cpSync(part, join(this.#folder, part), {
        recursive: true,
        filter: (path) => !path.includes('node_modules'),
      })
    symlinkSync(resolve('node_modules'), join(this.#folder, 'node_modules'))
  }

  /** Whether these tests pass. */
  pass(tests: readonly string[]): Promise<boolean> {
    return new Promise((done) => {
      const vitest = spawn(
        join(this.#folder, 'node_modules/.bin/vitest'),
        ['run', '--project', 'node', '--bail', '1', '--reporter', 'dot', ...tests],
        {
          cwd: this.#folder,
          stdio: 'ignore',
          env: { ...process.env, SALLYPORT_STORIES: '60', SALLYPORT_PATIENCE_MS: '3000' },
          detached: true,
        },
      )
      this.#stop = () => process.kill(-(vitest.pid ?? 0), 'SIGKILL')
      const late = setTimeout(this.#stop, patienceMs)
      vitest.on('exit', (code) => {
        clearTimeout(late)
        this.#stop = () => {}
        done(code === 0)
      })
    })
  }

  /** Whether a missing check is noticed. */
  async notices({ file, tests }: Guarded, source: string, mutant: Mutant): Promise<boolean> {
    writeFileSync(join(this.#folder, file), mutated(source, mutant))
    const noticed = !(await this.pass(tests))
    writeFileSync(join(this.#folder, file), source)
    return noticed
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

const survivors: string[] = []
const scores = new Map<string, Score>()

async function tryFile(copy: Copy, one: Guarded): Promise<void> {
  const { file, tests } = one
  if (!(await copy.pass(tests))) {
    survivors.push(`${file}: its tests fail before anything is taken out`)
    console.log(survivors.at(-1))
    return
  }
  const source = readFileSync(file, 'utf8')
  const all = mutantsOf(source)
  assertKnown(file, all)
  const mutants = all.filter(({ what }) => !accepted.has(`${file}: ${what}`))
  let survived = 0
  for (const mutant of mutants) {
    if (await copy.notices(one, source, mutant)) continue
    survived++
    survivors.push(`${file}: ${mutant.what}`)
    console.log(`  not noticed, line ${mutant.line}: ${survivors.at(-1)}`)
  }
  const noticed = mutants.length - survived
  console.log(`${file}: ${noticed} of ${mutants.length} noticed`)
  score(file, { files: 1, noticed, survived, accepted: all.length - mutants.length })
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
}

// what is under way is ended, and the copies go, however this ends
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
const usage = `npm run mutate -- [parts of the names of files]

  npm run mutate                           all ${guarded.length} files that guard a door
  npm run mutate -- src/auth core/gate     those whose name contains one of these parts
  npm run mutate -- --help                 this text`
const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', default: false } },
})
if (values.help) {
  console.log(usage)
  process.exit()
}
const wanted = guarded.filter(({ file }) => asked.length === 0 || asked.some((part) => file.includes(part)))
// a run of no file would say that all is well
const unknown = asked.find((part) => !guarded.some(({ file }) => file.includes(part)))
if (unknown !== undefined) throw new Error(`no file that guards a door has '${unknown}' in its name`)
await Promise.all(Array.from({ length: availableParallelism() }, () => work(wanted)))
console.table(Object.fromEntries(scores))
for (const survivor of survivors) console.log(survivor)
process.exitCode = survivors.length === 0 ? 0 : 1
