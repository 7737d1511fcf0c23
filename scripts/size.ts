// The client's weight in a page, and that nothing of a server gets into a browser: built as a user's bundler would.
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

// debug output, a queue bounded in bytes and failures that say what they can mean cost 0.6 KiB of it
// a kibibyte of it is what says at the start, in a sentence, that an option or an argument is wrong
const budgetBytes = 8 * 1024
const forbidden =
  /(?:^|\/)(?:src\/(?:core|server|auth|layers|transports|testing)|node_modules\/(?:ws|jose))\//

interface Bundle {
  readonly code: string
  readonly modules: readonly string[]
}

async function bundled(entry: string): Promise<Bundle> {
  const result = await build({
    logLevel: 'silent',
    configFile: false,
    resolve: { conditions: ['sallyport-src', 'module', 'browser'] },
    // not as a library: Vite leaves the whitespace in those, and no page is served so
    build: { write: false, minify: true, rollupOptions: { input: entry, preserveEntrySignatures: 'strict' } },
  })
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((one) =>
    'output' in one ? one.output : [],
  )
  const chunks = outputs.flatMap((output) => (output.type === 'chunk' ? [output] : []))
  return {
    code: chunks.map((chunk) => chunk.code).join(''),
    modules: chunks.flatMap((chunk) => Object.keys(chunk.modules)),
  }
}

function faultsOf(name: string, { code, modules }: Bundle): readonly string[] {
  const strangers = modules.filter(
    (module) => forbidden.test(module) || module.includes('__vite-browser-external'),
  )
  const faults = strangers.map((module) => `${name} pulls a server module into the page: ${module}`)
  return /\bnode:/.test(code) ? [...faults, `${name} imports a module of Node`] : faults
}

const client = await bundled('src/client/index.ts')
const contract = await bundled('src/contract.ts')
const bytes = gzipSync(client.code, { level: 9 }).length
const faults = [...faultsOf('sallyport/client', client), ...faultsOf('sallyport/contract', contract)]
if (bytes > budgetBytes)
  faults.push(`sallyport/client is ${bytes} bytes gzipped, above its budget of ${budgetBytes}`)
for (const fault of faults) console.error(fault)
console.log(
  `sallyport/client: ${bytes} bytes gzipped of ${budgetBytes}; sallyport/contract: ${gzipSync(contract.code).length}`,
)
process.exitCode = faults.length === 0 ? 0 : 1
