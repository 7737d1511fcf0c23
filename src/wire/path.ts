import { Denial } from './errors.ts'

/** The parameters of a path template, by name: `Params<'/ws/chat/:room'>` is `{ readonly room: string }`. */
export type Params<P extends string> = string extends P
  ? Readonly<Record<string, string>>
  : P extends `${string}:${infer Name}/${infer Rest}`
    ? { readonly [K in Name]: string } & Params<`/${Rest}`>
    : P extends `${string}:${infer Name}`
      ? { readonly [K in Name]: string }
      : {}

/** The longest value of a path parameter, in UTF-16 code units. */
export const maxParamLength = 128

type Segment = { readonly literal: string } | { readonly name: string }

/** A path template, taken apart once. */
export interface PathTemplate {
  readonly source: string
  /** The parameters of a raw (still percent-encoded) path, or `null` when it is another path. */
  match(path: string): Readonly<Record<string, string>> | null
  /** The canonical path of these parameters: each percent-encoded by `encodeURIComponent`. */
  build(params: Readonly<Record<string, string>>): string
}

/**
 * Takes a path template apart. Only `:name` segments are parameters; a trailing slash counts.
 *
 * @throws TypeError when the template is malformed; For a bad parameter `match` throws a 400 `Denial`, and
 * `build` a `TypeError`. A parameter is bad when it is empty, longer than 128 characters, `.` or `..`, not
 * well-formed, or holds a control character.
 * @example pathTemplate('/ws/chat/:room').match('/ws/chat/caf%C3%A9') // { room: 'café' }
 */
export function pathTemplate(source: string): PathTemplate {
  const segments = parse(source)
  return {
    source,
    match: (path) => match(segments, path),
    build: (params) => build(source, segments, params),
  }
}

function parse(source: string): readonly Segment[] {
  if (!source.startsWith('/')) throw new TypeError(`a contract's path begins with '/': '${source}'`)
  const segments = source.slice(1).split('/').map(segment)
  const names = segments.flatMap((one) => ('name' in one ? [one.name] : []))
  if (new Set(names).size !== names.length)
    throw new TypeError(`a parameter appears twice in the path '${source}'`)
  return segments
}

function segment(text: string): Segment {
  if (!text.startsWith(':')) {
    if (/^[A-Za-z0-9._~-]*$/.test(text) && text !== '.' && text !== '..') return { literal: text }
    throw new TypeError(
      `the path segment '${text}' may hold letters, digits, '.', '_', '~' and '-', or be ':name'`,
    )
  }
  if (/^:[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return { name: text.slice(1) }
  throw new TypeError(`'${text}' is no path parameter: write ':name'`)
}

function match(segments: readonly Segment[], path: string): Readonly<Record<string, string>> | null {
  if (!isOfSegments(segments, path)) return null
  let params: Readonly<Record<string, string>> = {}
  let start = 1
  for (const one of segments) {
    const slash = path.indexOf('/', start)
    const end = slash === -1 ? path.length : slash
    // a computed name, for one such as `__proto__`
    if ('name' in one) params = { ...params, [one.name]: decoded(one.name, path.slice(start, end)) }
    start = end + 1
  }
  return params
}

/** Whether a path has as many parts as there are segments, and the literals are where they belong. */
function isOfSegments(segments: readonly Segment[], path: string): boolean {
  if (!path.startsWith('/')) return false
  let start = 1
  for (const one of segments) {
    if (start > path.length) return false
    const slash = path.indexOf('/', start)
    const end = slash === -1 ? path.length : slash
    if ('literal' in one && (end - start !== one.literal.length || !path.startsWith(one.literal, start)))
      return false
    start = end + 1
  }
  return start > path.length
}

function decoded(name: string, part: string): string {
  const value = percentDecoded(name, part)
  const fault = paramFault(value)
  if (fault !== null) throw badPath(name, fault)
  return value
}

function percentDecoded(name: string, part: string): string {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch {
    throw badPath(name, 'is not valid percent-encoded UTF-8')
  }
}

function badPath(name: string, fault: string): Denial {
  return new Denial(400, 'bad-path', `the path parameter '${name}' ${fault}`, { httpOnly: true })
}

function paramFault(value: string): string | null {
  if (value === '') return 'is empty'
  if (value.length > maxParamLength) return `is longer than ${maxParamLength} characters`
  if (value === '.' || value === '..') return `may not be '.' or '..'`
  if (!value.isWellFormed()) return 'is not well-formed Unicode'
  return control.test(value) ? 'holds a control character' : null
}

/** C0, DEL and C1: they forge log lines and split headers. */
const control = /\p{Cc}/u

function build(
  source: string,
  segments: readonly Segment[],
  params: Readonly<Record<string, string>>,
): string {
  let path = ''
  for (const one of segments)
    path += `/${'name' in one ? encoded(source, one.name, params[one.name]) : one.literal}`
  return path
}

function encoded(source: string, name: string, value: string | undefined): string {
  if (typeof value !== 'string') throw new TypeError(`the path '${source}' needs the parameter '${name}'`)
  const fault = paramFault(value)
  if (fault !== null) throw new TypeError(`the parameter '${name}' of '${source}' ${fault}`)
  return encodeURIComponent(value)
}
