import type { Happening } from './report.ts'
import { visible } from './warnings.ts'

/**
 * Prints events as lines, in the way of the package `debug`: for `DEBUG=sallyport` all, for `DEBUG=sallyport:denied,sallyport:left` some,
 * for `DEBUG=sallyport:*,-sallyport:sent` all but some. What events do not hold is not in them: no credential, no message.
 *
 * @param asked the variable `DEBUG`
 * @returns `null` when nothing of ours is asked for
 */
export function debugOutput(
  asked: string | undefined,
  print: (line: string) => void,
): ((happening: Happening) => void) | null {
  const names = (asked ?? '').split(/[\s,]+/).filter((name) => name !== '')
  const wanted = names.filter((name) => !name.startsWith('-')).map(matcherOf)
  const unwanted = names.filter((name) => name.startsWith('-')).map((name) => matcherOf(name.slice(1)))
  if (!names.some((name) => name.startsWith('sallyport') || name.startsWith('*'))) return null
  return ({ type, ...what }) => {
    const name = `sallyport:${type}`
    if (!wanted.some((fits) => fits(name)) || unwanted.some((fits) => fits(name))) return
    print(`${name} ${visible(JSON.stringify(what), 4_000)}`)
  }
}

/** `*` stands for anything, and `sallyport` for all of ours. */
function matcherOf(pattern: string): (name: string) => boolean {
  if (pattern === 'sallyport') return () => true
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^\w:-]/g, String.raw`\$&`))
  const expression = new RegExp(`^${parts.join('.*')}$`)
  return (name) => expression.test(name)
}
