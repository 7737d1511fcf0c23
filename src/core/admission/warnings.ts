import type { Denial } from '../../wire/errors.ts'
import { isOrigin, type OriginRules, tellsOrigin } from '../access/origin.ts'
import type { ServerEvent } from '../api/events.ts'

/** How many causes are printed for each code of a denial: a scanner must not fill console or memory. */
const mostCauses = 8

type DeniedWarning = Extract<ServerEvent, { readonly type: 'denied' }>

/** Whether {@link warnings} may print something about events of this type. */
export function isWarned(type: ServerEvent['type'], isDevelopment: boolean): boolean {
  return type === 'misconfigured' || (type === 'denied' && isDevelopment)
}

/** What {@link warnings} needs. */
export interface WarningParts {
  readonly print: (message: string) => void
  /** Whether to warn of denials that a line of configuration would change, and of slow validations. */
  readonly isDevelopment: boolean
  readonly origins: OriginRules
}

/**
 * Tells a developer what was denied, and which line of configuration would allow it, once for each cause. A
 * page cannot see a denial by origin, host, path or a malformed request: it looks like a network failure. No
 * credential is printed, and no character that a terminal would interpret.
 */
export function warnings({ print, isDevelopment, origins }: WarningParts): (event: ServerEvent) => void {
  const warned = new Map<Denial['reason'], Set<string>>()
  return (event) => {
    if (event.type === 'misconfigured' && (isDevelopment || event.cause !== 'slow-validation'))
      print(`sallyport: ${visible(event.detail, 1_000)}`)
    if (!isDevelopment || event.type !== 'denied') return
    const causes = warned.get(event.code) ?? new Set<string>()
    if (causes.size >= mostCauses) return
    const advice = adviceOn(event, origins)
    if (advice === null || causes.has(advice.cause)) return
    warned.set(event.code, causes.add(advice.cause))
    const end = causes.size === mostCauses ? ' (Further causes of this are not printed.)' : ''
    print(`sallyport: refused with ${event.status} ${event.code}: ${advice.text}${end}`)
  }
}

interface Advice {
  /** The part of the warning that is printed once. */
  readonly cause: string
  readonly text: string
}

function adviceOn(denied: DeniedWarning, origins: OriginRules): Advice | null {
  const { code, message, detail } = denied
  const path = visiblePath(denied.path)
  switch (code) {
    case 'origin-not-allowed':
      return originAdvice(denied.origin ?? '', path, origins)
    case 'host-not-allowed': {
      const host = visible(detail ?? '', 100)
      return { cause: host, text: `${message} (${host}).${allow(`hosts: ['${host}']`)}` }
    }
    case 'not-found':
      return pathAdvice(denied, path)
    case 'not-serving':
      return { cause: '', text: `${message}. To answer handshakes: server.serve(router([...]))` }
    case 'headers-too-large':
    case 'bad-credential':
      return { cause: message, text: `${message}.${detail === undefined ? '' : allow(detail)}` }
    case 'bad-request':
    case 'bad-host':
    case 'bad-path':
    case 'bad-subprotocol':
    case 'conflicting-credentials':
    case 'upgrade-required':
    case 'origin-required':
      return { cause: message, text: `${message}.` }
    default:
      return null
  }
}

function originAdvice(origin: string, path: string, { origins }: OriginRules): Advice {
  if (!isOrigin(origin)) return { cause: '', text: 'an Origin header is malformed.' }
  const who = `a page of ${origin} may not open ${path}`
  if (typeof origins === 'function')
    return { cause: origin, text: `${who}: the function 'origins' did not answer true.` }
  const others = [...(origins ?? [])].slice(0, 5)
  const list = [...others, origin].map((one) => `'${one}'`).join(', ')
  const why = origins === null ? ', because its host and port are not those of this server' : ''
  const own = origins === null ? " (list this server's own origin too, where it has pages)" : ''
  const any = tellsOrigin(origin) ? '' : ' (any page can have this origin, so cookies are refused with it)'
  return { cause: origin, text: `${who}${why}.${allow(`origins: [${list}]`)}${own}${any}` }
}

/** A 404 of an endpoint is its answer, and no mistake in the configuration. */
function pathAdvice({ contract, message, detail }: DeniedWarning, path: string): Advice | null {
  if (contract !== undefined) return null
  const more = detail === undefined ? '' : ` (${visible(detail, 500)})`
  return { cause: path, text: `${message} at ${path}${more}.` }
}

function allow(option: string): string {
  return ` To allow it: sallyport({ ${option} })`
}

/** A path for a console. A part that is long enough to be a secret is shortened. */
function visiblePath(path: string): string {
  const parts = path.slice(0, 2_000).split('/')
  return visible(parts.map((part) => (part.length > 32 ? `${part.slice(0, 8)}...` : part)).join('/'), 200)
}

/** A text without characters that a terminal would interpret. */
export function visible(text: string, most: number): string {
  const cut = text.length > most ? `${text.slice(0, most)}...` : text
  return cut.replaceAll(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
