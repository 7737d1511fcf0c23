import { debugFilter } from '../wire/debug.ts'

const name = 'sallyport:client'

/** Where Node and pages say what they want to see. */
interface DebugScope {
  readonly process?: { readonly env?: { readonly DEBUG?: unknown } }
  readonly localStorage?: { readonly debug?: unknown }
}

/** What hears the steps of a client when no function was given for it; `undefined` when no output was asked for. */
export function debugOutput(): ((line: string) => void) | undefined {
  return debugFilter(wanted())?.(name) === true ? (line) => console.debug(`${name} ${line}`) : undefined
}

function wanted(): string {
  try {
    // a runtime has these globals in this shape or not at all
    const { process, localStorage } = globalThis as DebugScope
    return [process?.env?.DEBUG, localStorage?.debug].find((list) => typeof list === 'string') ?? ''
  } catch {
    // a page in a sandbox may not even look at its storage
    return ''
  }
}
