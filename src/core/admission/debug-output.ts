import { debugFilter } from '../../wire/debug.ts'
import type { ServerEvent } from '../api/events.ts'
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
): ((happening: ServerEvent) => void) | null {
  const isAsked = debugFilter(asked ?? '')
  if (isAsked === null) return null
  return ({ type, ...what }) => {
    const name = `sallyport:${type}`
    if (isAsked(name)) print(`${name} ${visible(JSON.stringify(what), 4_000)}`)
  }
}
