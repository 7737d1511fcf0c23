import { debugFilter } from '../wire/debug.ts'

const name = 'sallyport:client'

/** Where Node and pages name the debug output that they want. */
interface DebugScope {
  readonly process?: { readonly env?: { readonly DEBUG?: unknown } }
  readonly localStorage?: { readonly debug?: unknown }
}

/** The default output for the steps of a client; `undefined` when no output was asked for. */
export function debugOutput(): ((line: string) => void) | undefined {
  return debugFilter(wanted())?.(name) === true ? (line) => console.debug(`${name} ${line}`) : undefined
}

function wanted(): string {
  try {
    // a runtime has these globals in this shape, or does not have them
    const { process, localStorage } = globalThis as DebugScope
    return [process?.env?.DEBUG, localStorage?.debug].find((list) => typeof list === 'string') ?? ''
  } catch {
    // a page in a sandbox may not read its storage
    return ''
  }
}
