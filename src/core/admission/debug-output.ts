import { debugFilter } from '../../wire/debug.ts'
import type { ServerEvent } from '../api/events.ts'
import { visible } from './warnings.ts'

/**
 * Prints events as lines, like the package `debug`: for `DEBUG=sallyport` all events, for
 * `DEBUG=sallyport:denied,sallyport:left` some, for `DEBUG=sallyport:*,-sallyport:sent` all but some. Events
 * hold no credential and no message, so the lines do not either.
 * @param asked the variable `DEBUG`
 * @returns `null` when the list names no event of Sallyport
 */
export function debugOutput(
  asked: string | undefined,
  print: (line: string) => void,
): ((event: ServerEvent) => void) | null {
  const isAsked = debugFilter(asked ?? '')
  if (isAsked === null) return null
  return ({ type, ...what }) => {
    const name = `sallyport:${type}`
    if (isAsked(name)) print(`${name} ${visible(JSON.stringify(what), 4_000)}`)
  }
}
