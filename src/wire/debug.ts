/**
 * Reads a list of names, as in the variable `DEBUG` of the package `debug`: separated by commas or spaces, with `*` at the
 * end of a name for all that begin so, and `-` before a name for what is left out. `sallyport` alone stands for all of ours.
 *
 * @returns whether the output of a name is asked for; `null` when no output of Sallyport is
 * @example debugFilter('express:*,sallyport:client')?.('sallyport:client') // true
 */
export function debugFilter(list: string): ((name: string) => boolean) | null {
  const names = list.split(/[\s,]+/)
  if (!names.some((name) => /^(sallyport|\*)/.test(name))) return null
  return (name) =>
    names.some((pattern) => fits(pattern, name)) &&
    !names.some((pattern) => pattern.startsWith('-') && fits(pattern.slice(1), name))
}

function fits(pattern: string, name: string): boolean {
  const isPrefix = pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1))
  return isPrefix || pattern === name || pattern === 'sallyport'
}
