import { type Duration, milliseconds } from './duration.ts'
import { isRecord } from './json.ts'

/** What a value may be. */
export interface OptionKind {
  /** What people call it, such as `a function`. */
  readonly wanted: string
  readonly is: (value: unknown) => boolean
  /** Whether an error may repeat a text that is wrong: never where it may be a secret. */
  readonly isTold?: boolean
}

/** The kind of an option that must be there. */
export interface NeededKind extends OptionKind {
  readonly isNeeded: true
}

/** A kind for each option of `T`, needed where `T` needs it: an option without a kind does not compile. */
export type OptionKinds<T> = { readonly [K in keyof T]-?: {} extends Pick<T, K> ? OptionKind : NeededKind }

/** A function. */
export const aFunction: OptionKind = { wanted: 'a function', is: (value) => typeof value === 'function' }
/** A text, empty or not. */
export const aText: OptionKind = { wanted: 'a string', is: (value) => typeof value === 'string' }
/** A text that is not empty. */
export const aString: OptionKind = {
  wanted: 'a string that is not empty',
  is: (value) => typeof value === 'string' && value !== '',
}
/** `true` or `false`. */
export const aBoolean: OptionKind = { wanted: 'true or false', is: (value) => typeof value === 'boolean' }
/** An object that is no array. */
export const anObject: OptionKind = { wanted: 'an object', is: isRecord }
/** Several texts that are not empty. */
export const strings: OptionKind = {
  wanted: 'an array of strings that are not empty',
  is: (value) => Array.isArray(value) && value.every(aString.is),
}
/** A text or a list of them: at least one, and each not empty. What comes from the environment may be "". */
export function oneOrMore(wanted: string): OptionKind {
  return {
    wanted: `${wanted}, or several`,
    is: (value) => aString.is(value) || (strings.is(value) && Object(value).length > 0),
  }
}
/** A `Date`. */
export const aDate: OptionKind = { wanted: 'a Date', is: (value) => value instanceof Date }
/** A `Duration`. */
export const aDuration: OptionKind = {
  wanted: "a duration: milliseconds, or a number with its unit as in '30s'",
  is: isDuration,
  isTold: true,
}

/** A whole number that is not smaller than the least. */
export function wholeFrom(least: number): OptionKind {
  return {
    wanted: `a whole number from ${least}`,
    is: (value) => Number.isSafeInteger(value) && Number(value) >= least,
  }
}

/** One of some values. */
export function oneOf(...values: readonly (string | number | null)[]): OptionKind {
  const all: readonly unknown[] = values
  return {
    wanted: values.map((value) => JSON.stringify(value).replaceAll('"', "'")).join(' or '),
    is: (value) => all.includes(value),
    isTold: true,
  }
}

/** An object with these methods, such as a clock. */
export function having(...methods: readonly string[]): OptionKind {
  return {
    wanted: `an object with ${methods.map((name) => `${name}()`).join(' and ')}`,
    is: (value) => isRecord(value) && methods.every((name) => typeof value[name] === 'function'),
  }
}

/** One of two kinds. */
export function either(one: OptionKind, other: OptionKind): OptionKind {
  return { wanted: `${one.wanted}, or ${other.wanted}`, is: (value) => one.is(value) || other.is(value) }
}

/** A kind whose option counts as left out when it is `undefined`: for options that decide nothing about access. */
export function orUndefined(kind: OptionKind): OptionKind {
  return { ...kind, is: (value) => value === undefined || kind.is(value) }
}

/** A kind whose option must be there. */
export function needed(kind: OptionKind): NeededKind {
  return { ...kind, isNeeded: true }
}

/**
 * Checks an object of options before anything is done with it: what is there must be known and of its kind. `undefined`
 * counts as there: a typo in `rules['chat']` must not decide that everybody may come in. Each option is read once, here: what
 * a getter answers later, or is changed in the object, is not what was checked.
 *
 * @param where whose options they are, for the error, such as `memory()`
 * @returns a copy, lists copied as well, which is to be used in place of the object
 * @throws TypeError that names the option, and the one that was probably meant
 */
export function checkedOptions<T>(
  where: string,
  options: T,
  kinds: Readonly<Record<string, OptionKind | NeededKind>>,
): T {
  if (!isRecord(options)) throw new TypeError(`${where} takes an object of options, not ${toldOf(options)}`)
  for (const name of Object.keys(options))
    if (!Object.hasOwn(kinds, name))
      throw new TypeError(`${where} has no option '${name}': ${hint(name, kinds)}`)
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(kinds)) {
    const kind = kinds[name]
    // what an instance of a class inherits is there, too
    if (kind === undefined || (!(name in options) && !('isNeeded' in kind))) continue
    const given = options[name]
    const value: unknown = Array.isArray(given) ? [...given] : given
    if (!kind.is(value)) throw wrongKind(`${where}: the option '${name}'`, value, kind)
    copy[name] = value
  }
  // all that `options` has of T was copied, and each option is of its kind
  return copy as T
}

/**
 * Checks one value, such as an argument.
 *
 * @param what the value's name, for the error
 * @throws TypeError when the value is of another kind
 */
export function assertKind(what: string, value: unknown, kind: OptionKind): void {
  if (!kind.is(value)) throw wrongKind(what, value, kind)
}

function wrongKind(what: string, value: unknown, { wanted, isTold }: OptionKind): TypeError {
  const told = isTold === true && typeof value === 'string' ? `'${value}'` : toldOf(value)
  return new TypeError(`${what} is ${wanted}, not ${told}`)
}

function isDuration(value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number') return false
  try {
    // whatever is no duration throws
    return milliseconds(value as Duration) >= 0
  } catch {
    return false
  }
}

/** What a wrong value is, without a text that may be a secret. */
function toldOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value)
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Promise) return 'a promise'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function hint(name: string, kinds: object): string {
  const names = Object.keys(kinds)
  const meant = names.find((one) => isClose(one, name, name.length > 4 ? 2 : 1))
  return meant === undefined ? `it takes ${names.join(', ')}` : `did you mean '${meant}'?`
}

/** Whether a name becomes another with at most so many letters added, dropped, replaced or swapped with the next. */
function isClose(one: string, other: string, edits: number): boolean {
  if (one === other) return true
  if (edits === 0) return false
  let at = 0
  while (one[at] === other[at]) at++
  const [a, b] = [one.slice(at), other.slice(at)]
  const left = edits - 1
  return (
    isClose(a.slice(1), b, left) ||
    isClose(a, b.slice(1), left) ||
    isClose(a.slice(1), b.slice(1), left) ||
    (a[0] === b[1] && a[1] === b[0] && isClose(a.slice(2), b.slice(2), left))
  )
}
