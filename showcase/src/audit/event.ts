/** What happened, in the columns that it is kept in. */
export interface AuditEvent {
  readonly type: string
  readonly subject: string | null
  readonly contract: string | null
  readonly address: string | null
  /** The HTTP status of a refusal, or the close code. */
  readonly status: number | null
  /** The short word for why. */
  readonly code: string | null
  /** What a peer was told of it. */
  readonly ref: string | null
  readonly detail: Readonly<Record<string, unknown>>
}

const columns = new Set(['type', 'subject', 'contract', 'address', 'status', 'code', 'why', 'id', 'at'])
/** Names that no event has, and that nothing shall be kept under if one ever does. */
const secretName = /password|secret|cookie|authorization|credential|ticket/i
const secretShape = /\beyJ[\w-]*\.[\w-]+\.[\w-]*/g
const mostFields = 20
const mostCharacters = 300

/**
 * An event of the server as it is kept: what every event has in columns, everything else as it is, bounded. The
 * path of a refusal is left out: a stranger chose it, and anything could be in it.
 *
 * @param event with a `type` at least
 */
export function auditEvent(event: { readonly type: string }): AuditEvent {
  const fields: Readonly<Record<string, unknown>> = { ...event }
  const { status, code, why } = fields
  return {
    type: bounded(event.type),
    subject: text(fields['subject']),
    contract: text(fields['contract']),
    address: text(fields['address']),
    status: number(status) ?? number(code),
    code: text(code) ?? text(why),
    ref: text(fields['id']),
    detail: detailOf(fields),
  }
}

function detailOf(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const rest = Object.entries(fields).filter(
    ([name]) => !columns.has(name) && !secretName.test(name) && !(name === 'path' && isRefusal(fields)),
  )
  const plain = rest.map(([name, value]) => [bounded(name), plainly(value)] as const)
  return Object.fromEntries(plain.filter(([, value]) => value !== undefined).slice(0, mostFields))
}

/** An event before the authorization has no contract: only the router has read its path. */
function isRefusal({ type, contract }: Readonly<Record<string, unknown>>): boolean {
  return type === 'denied' || contract === undefined
}

/** Texts, numbers, truths and short lists of them; nothing that could be large or deep. */
function plainly(value: unknown): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isInteger(value) ? value : Math.round(value * 10) / 10
  if (typeof value === 'string') return bounded(value)
  if (value instanceof Date) return value.toISOString()
  if (!Array.isArray(value)) return undefined
  return value.slice(0, mostFields).map((item) => (Array.isArray(item) ? undefined : plainly(item)))
}

function bounded(value: string): string {
  const cut = value.length > mostCharacters ? `${value.slice(0, mostCharacters)}…` : value
  // PostgreSQL keeps no NUL in a text, nor half a surrogate pair
  return cut.replaceAll('\0', '').toWellFormed().replace(secretShape, '[redacted]')
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? bounded(value) : null
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null
}
