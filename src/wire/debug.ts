/**
 * Reads a list of names, as in the variable `DEBUG` of the package `debug`. Commas or spaces separate the
 * names. `*` at the end of a name means all names that begin with it. `-` before a name leaves it out.
 * `sallyport` alone means every name of Sallyport.
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
