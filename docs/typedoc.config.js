import { readFileSync } from 'node:fs'

// what the package exports is what has a reference
const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const entryPoints = Object.values(exports).flatMap((target) => target['sallyport-src'] ?? [])

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'Sallyport',
  entryPoints: entryPoints.map((file) => `../${file}`),
  tsconfig: '../tsconfig.build.json',
  basePath: '..',
  readme: '../README.md',
  out: 'api',
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  validation: { invalidLink: true, notDocumented: true, notExported: false },
  requiredToBeDocumented: ['Class', 'Function', 'Interface', 'TypeAlias', 'Variable'],
  treatWarningsAsErrors: true,
}
