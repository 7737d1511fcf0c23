/**
 * Whether a list of names, as in the variable `DEBUG`, asks for the output of a part of Sallyport: `*`, `sallyport`,
 * `sallyport:*` or the part itself, separated by commas or spaces.
 *
 * @param part such as `'client'`
 * @example namesDebug('express:*,sallyport:client', 'client') // true
 */
export function namesDebug(list: string, part: string): boolean {
  return list
    .split(/[\s,]+/)
    .some((name) => ['*', 'sallyport', 'sallyport:*', `sallyport:${part}`].includes(name))
}
