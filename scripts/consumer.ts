// The package as a user gets it: packed, unpacked beside its dependencies, then every export imported by Node and compiled
// by the oldest and the newest TypeScript that we promise, with the declarations of libraries checked too.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const compilers = ['toolchain/node_modules/typescript', 'node_modules/typescript']
const resolutions = [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
] as const
const subpaths = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'))

const place = mkdtempSync(join(tmpdir(), 'consumer-'))
try {
  unpack()
  writeProgram()
  runProgram()
  requireAll()
  for (const compiler of compilers)
    for (const [module, resolution] of resolutions) compile(compiler, module, resolution)
  console.log(`${subpaths.length} exports run, and compile with ${compilers.map(versionOf).join(', ')}`)
} finally {
  rmSync(place, { recursive: true, force: true })
}

function unpack(): void {
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', place]
  const archive = execFileSync('npm', pack, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  const target = join(place, 'node_modules', manifest.name)
  mkdirSync(target, { recursive: true })
  execFileSync('tar', ['-xzf', join(place, archive), '-C', target, '--strip-components=1'])
  const { dependencies, peerDependencies } = manifest
  for (const name of [...Object.keys({ ...dependencies, ...peerDependencies }), '@types/node']) link(name)
}

/** Links one package: npm would install it beside the package, a subpath imports it, or it holds the types of Node. */
function link(name: string): void {
  const target = join(place, 'node_modules', name)
  mkdirSync(resolve(target, '..'), { recursive: true })
  symlinkSync(resolve('node_modules', name), target)
}

function writeProgram(): void {
  const imports = subpaths.map((path, at) => `import * as n${at} from '${join(manifest.name, path)}'`)
  const names = subpaths.map((path, at) => `'${path}': Object.keys(n${at})`)
  const program = [...imports, `const names: Record<string, string[]> = { ${names.join(', ')} }`]
  const check = `for (const [path, list] of Object.entries(names)) if (list.length === 0) throw new Error(path + ' is empty')`
  writeFileSync(join(place, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(place, 'program.ts'), [...program, check, ''].join('\n'))
}

/** Run without our condition, thus from dist. */
function runProgram(): void {
  execFileSync(process.execPath, ['program.ts'], {
    cwd: place,
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
}

/** CommonJS loads every export as well. */
function requireAll(): void {
  const paths = JSON.stringify(subpaths.map((path) => join(manifest.name, path)))
  const program = `for (const path of ${paths}) if (Object.keys(require(path)).length === 0) throw new Error(path)\n`
  writeFileSync(join(place, 'program.cjs'), program)
  execFileSync(process.execPath, ['program.cjs'], {
    cwd: place,
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
}

function compile(compiler: string, module: string, moduleResolution: string): void {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2023',
    lib: ['es2023'],
    types: ['node'],
    module,
    moduleResolution,
  }
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  execFileSync(process.execPath, [resolve(compiler, 'bin/tsc'), '-p', place], { stdio: 'inherit' })
}

function versionOf(compiler: string): string {
  const { version }: { readonly version: string } = JSON.parse(
    readFileSync(join(compiler, 'package.json'), 'utf8'),
  )
  return `TypeScript ${version}`
}
