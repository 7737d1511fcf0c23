import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { available } from './support/require.ts'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/ten-minutes.md'), 'utf8')

/** A code block of the page, and what the comment before it says that a reader does with it. */
interface Block {
  readonly action: string | undefined
  readonly terminal: string
  readonly language: string
  readonly text: string
}

const blocks: readonly Block[] = [
  ...page.matchAll(/(?:<!-- (run|terminal|type|see)(?:: ([a-z ]+))? -->\n\n)?```(\w+)\n([\s\S]*?)```/g),
].map(([, action, terminal = '', language = '', text = '']) => ({ action, terminal, language, text }))

/** A program of the page that goes on while the next blocks are followed. */
class Terminal {
  readonly #process: ChildProcess
  readonly #lines: string[] = []

  constructor(command: string, env: NodeJS.ProcessEnv) {
    // the shell is replaced by the program, so that a kill reaches the program
    this.#process = spawn('sh', ['-c', `exec ${command}`], {
      cwd: folder,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    if (this.#process.stdout !== null)
      createInterface({ input: this.#process.stdout }).on('line', (line) => this.#lines.push(line))
  }

  type(text: string): void {
    this.#process.stdin?.write(text)
  }

  /** Waits for a line that was not seen before. */
  async see(line: string | RegExp): Promise<string> {
    const wanted = expect.stringMatching(line instanceof RegExp ? line : exactly(line))
    await expect.poll(() => this.#lines).toContainEqual(wanted)
    const at = this.#lines.findIndex((one) => wanted.asymmetricMatch(one))
    return this.#lines.splice(0, at + 1).at(-1) ?? ''
  }

  kill(): void {
    this.#process.kill()
  }
}

function exactly(line: string): RegExp {
  return new RegExp(`^${line.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`)
}

const scratch = mkdtempSync(join(tmpdir(), 'ten-minutes-'))
const folder = join(scratch, 'chat')
const terminals = new Map<string, Terminal>()
afterAll(() => {
  for (const terminal of terminals.values()) terminal.kill()
  rmSync(scratch, { recursive: true, force: true })
})

/** The environment of a reader: our Node, the machine's npm, and nothing that a test runner or an npm script has set. */
function environment(): NodeJS.ProcessEnv {
  const kept = /^npm_config_(cache|registry|userconfig)$|^(?!npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|DEBUG$)/
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => kept.test(name))),
    PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
    PORT: '0',
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fetch_retries: '1',
  }
}

/** The package as `npm pack` makes it, from a copy: other tests run beside this one. */
function tarball(): string {
  const copy = join(scratch, 'package')
  const files = ['package.json', 'README.md', 'LICENSE', 'PROTOCOL.md', 'SECURITY.md', 'CHANGELOG.md', 'src']
  for (const name of files) cpSync(join(root, name), join(copy, name), { recursive: true })
  const out = ['--outDir', join(copy, 'dist'), '--tsBuildInfoFile', join(copy, 'dist/.tsbuildinfo')]
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, 'tsconfig.build.json'), ...out])
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', scratch]
  const options = { cwd: copy, encoding: 'utf8', env: environment() } as const
  return join(scratch, execFileSync('npm', pack, options).trim())
}

test('each command of the first ten minutes is one that the test follows', () => {
  expect(blocks.filter(({ language, action }) => language === 'sh' && action === undefined)).toEqual([])
})

test.skipIf(available('registry') === null)(
  'the first ten minutes, followed literally, end with two people talking and one banned',
  async () => {
    mkdirSync(folder)
    const archive = tarball()
    const env = environment()
    for (const { action, terminal, language, text } of blocks) {
      const [, file] = (language === 'ts' && /^\/\/ (\S+\.ts)\n/.exec(text)) || []
      if (file !== undefined) writeFileSync(join(folder, file), text)
      const steps: Readonly<Record<string, () => unknown>> = {
        run: () => run(text.replace(/(npm install) sallyport/, `$1 ${archive}`), env),
        terminal: () => terminals.set(terminal, new Terminal(text.trim(), env)),
        type: () => terminals.get(terminal)?.type(text),
        see: () => see(terminal, text, env),
      }
      if (action !== undefined) await steps[action]?.()
    }
    expect([...terminals.keys()]).toEqual(['server', 'ada', 'bob', 'bob again'])
  },
  300_000,
)

function run(commands: string, env: NodeJS.ProcessEnv): void {
  execFileSync('sh', ['-ec', commands], { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' })
}

async function see(name: string, text: string, env: NodeJS.ProcessEnv): Promise<void> {
  const terminal = terminals.get(name)
  if (terminal === undefined)
    throw new Error(`the page shows what '${name}' prints before it starts '${name}'`)
  for (const line of text.trimEnd().split('\n')) {
    // the server of the page is at 8000; this one takes a port that is free, and clients are told which
    const [before, after] = line.split(/ws:\/\/localhost:8000/)
    if (after === undefined) await terminal.see(line)
    else
      env['SERVER'] = (await terminal.see(new RegExp(`^${before}ws://localhost:\\d+$`))).slice(before?.length)
  }
}
