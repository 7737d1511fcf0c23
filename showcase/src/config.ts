import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

/**
 * A setting is missing or malformed. The message says which, what was expected and what to do; never a value.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

/** Where the data lives: a file (or `:memory:`) for node:sqlite, or a PostgreSQL server. */
export type DatabaseAddress =
  { readonly kind: 'sqlite'; readonly file: string } | { readonly kind: 'postgres'; readonly url: string }

/** Everything that the server can be told, checked and complete. Made by {@link readConfig}. */
export interface Config {
  readonly production: boolean
  readonly host: string
  readonly port: number
  /** The origin that browsers use; undefined in development until the port is known. */
  readonly baseUrl: URL | undefined
  /** Undefined in development: one is made and kept in the database. */
  readonly secret: string | undefined
  readonly database: DatabaseAddress
  readonly dataDir: string
  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  readonly trustProxy: readonly string[]
  readonly logLevel: LogLevel
  readonly metricsToken: string | undefined
  readonly passwordGrant: boolean
  /** For how long the audit is kept. */
  readonly auditDays: number
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
/** How much is logged. */
export type LogLevel = (typeof logLevels)[number]

const switches = { on: true, true: true, 1: true, off: false, false: false, 0: false } as const

interface About {
  readonly initial: string
  readonly about: string
}
const documentation = z.registry<About>()

const secretHint = 'make one with: openssl rand -base64 33'

/**
 * The environment variables, as they are documented; {@link readConfig} adds the rules that span several of
 * them.
 */
export const environment = z.object({
  NODE_ENV: documented(
    z.string().optional(),
    'development',
    'With `production`, `SECRET` and `BASE_URL` are required and nothing is seeded.',
  ),
  HOST: documented(
    z.string().default('127.0.0.1'),
    '127.0.0.1',
    'The address to listen on. `0.0.0.0` or `::` opens the server to the network.',
  ),
  PORT: documented(
    numberSchema({ initial: '8000', from: 0, to: 65_535 }),
    '8000',
    'The port to listen on; `0` takes a free one.',
  ),
  BASE_URL: documented(
    originSchema().optional(),
    'in development `http://localhost:<port>`',
    'The origin that browsers use, without a path. It is the issuer of tokens and the allowed origin, and must be https in production.',
  ),
  SECRET: documented(
    z.string().min(32, `must have at least 32 characters: ${secretHint}`).optional(),
    'in development made once and kept in the database',
    'Signs cookies and encrypts signing keys, 32 characters or more. All nodes of one system share it.',
  ),
  DATABASE_URL: documented(
    databaseSchema().optional(),
    '`sqlite:<DATA_DIR>/sallyport.db`',
    '`sqlite:<file>` or `postgres://user:password@host/database`.',
  ),
  DATA_DIR: documented(
    z.string().default(fileURLToPath(new URL('../data', import.meta.url))),
    '`showcase/data`',
    'The directory of the SQLite file; made when it is not there.',
  ),
  REDIS_URL: documented(
    unsupported('REDIS_URL'),
    'none',
    'Refused: carrying rooms over several processes is not supported yet in this version.',
  ),
  NATS_URL: documented(
    unsupported('NATS_URL'),
    'none',
    'Refused: carrying rooms over several processes is not supported yet in this version.',
  ),
  TRUST_PROXY: documented(
    proxiesSchema(),
    'none',
    'Proxies whose `X-Forwarded-For` is believed: addresses or networks, separated by commas, such as `127.0.0.1,10.0.0.0/8`.',
  ),
  LOG_LEVEL: documented(
    z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('info'),
    'info',
    `How much is logged: ${logLevels.join(', ')}.`,
  ),
  METRICS_TOKEN: documented(
    z.string().min(16, 'must have at least 16 characters: make one with: openssl rand -hex 16').optional(),
    'none',
    'Lets `/metrics` and `/api/admin/audit` be read from elsewhere with `Authorization: Bearer <token>`; without it only from this machine, and by administrators.',
  ),
  AUDIT_DAYS: documented(
    numberSchema({ initial: '30', from: 1, to: 3650, of: 'of days ' }),
    '30',
    'For how many days the audit is kept, 1 to 3650; the newest 200,000 events at most.',
  ),
  PASSWORD_GRANT: documented(
    z.enum(Object.keys(switches) as SwitchWord[], 'must be on or off').optional(),
    'on in development, off in production',
    '`POST /token`, the OAuth2 password grant. RFC 9700 forbids it for new systems: it is there for those who come from FastAPI.',
  ),
})

// the keys of a literal object whose numeric key reads as a string
type SwitchWord = Extract<keyof typeof switches, string> | '1' | '0'

function documented<S extends z.ZodType>(schema: S, initial: string, about: string): S {
  documentation.add(schema, { initial, about })
  return schema
}

interface NumberRange {
  readonly initial: string
  readonly from: number
  readonly to: number
  /** What is counted. */
  readonly of?: string
}

function numberSchema({ initial, from, to, of = '' }: NumberRange): z.ZodType<number> {
  const message = `must be a whole number ${of}from ${from} to ${to}`
  return z
    .string()
    .regex(/^\d{1,5}$/, message)
    .default(initial)
    .transform(Number)
    .refine((value) => value >= from && value <= to, message)
}

function originSchema(): z.ZodType<URL> {
  const message = 'must be an origin such as https://app.example, without a path'
  return z.string().transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : null
    if (url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

function databaseSchema(): z.ZodType<DatabaseAddress> {
  const message = 'must be sqlite:<file> or postgres://user:password@host/database'
  return z.string().transform((text, context): DatabaseAddress => {
    if (/^postgres(ql)?:\/\/./.test(text) && URL.canParse(text)) return { kind: 'postgres', url: text }
    if (/^sqlite:./.test(text)) return { kind: 'sqlite', file: text.slice('sqlite:'.length) }
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

function proxiesSchema(): z.ZodType<readonly string[]> {
  const message = 'must be addresses or networks separated by commas, such as 127.0.0.1,10.0.0.0/8'
  return z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .refine((parts) => parts.every(isNetwork), message)
}

function isNetwork(part: string): boolean {
  const [address = '', bits, ...more] = part.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

function unsupported(name: string): z.ZodType<undefined> {
  return z.never(`is not supported yet in this version: unset ${name} and run one process`).optional()
}

/**
 * Reads the configuration from environment variables. An empty variable counts as absent.
 *
 * @param env the variables, `process.env` in production
 * @throws ConfigurationError that names every faulty variable, what was expected and what to do
 * @example readConfig({ PORT: '0', DATABASE_URL: 'sqlite::memory:' }).port // 0
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const present = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = environment.safeParse(present)
  if (!parsed.success)
    throw configurationError(parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`))
  const { data } = parsed
  const production = data.NODE_ENV === 'production'
  if (production) assertProductionSettings(data)
  return {
    production,
    host: data.HOST,
    port: data.PORT,
    baseUrl: data.BASE_URL,
    secret: data.SECRET,
    database: data.DATABASE_URL ?? { kind: 'sqlite', file: `${data.DATA_DIR}/sallyport.db` },
    dataDir: data.DATA_DIR,
    trustProxy: data.TRUST_PROXY,
    logLevel: data.LOG_LEVEL,
    metricsToken: data.METRICS_TOKEN,
    auditDays: data.AUDIT_DAYS,
    passwordGrant: data.PASSWORD_GRANT === undefined ? !production : switches[data.PASSWORD_GRANT],
  }
}

function assertProductionSettings({ SECRET, BASE_URL }: z.output<typeof environment>): void {
  const missing: string[] = []
  if (SECRET === undefined) missing.push(`SECRET is required in production: ${secretHint}`)
  if (BASE_URL === undefined)
    missing.push(
      'BASE_URL is required in production: the origin that browsers use, such as https://app.example',
    )
  else if (BASE_URL.protocol !== 'https:' && !isLoopback(BASE_URL.hostname)) {
    missing.push('BASE_URL must be https in production: without it cookies and tokens travel in the open')
  }
  if (missing.length > 0) throw configurationError(missing)
}

function configurationError(lines: readonly string[]): ConfigurationError {
  return new ConfigurationError(
    `The configuration cannot be used:\n${lines.map((line) => `  ${line}`).join('\n')}`,
  )
}

/** Whether a host name, as `URL` writes it, means this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** The environment variables as a Markdown table, for docs/configuration.md. */
export function configTable(): string {
  const rows = Object.entries(environment.shape).map(([name, schema]) => {
    const { initial = '', about = '' } = documentation.get(schema) ?? {}
    return `| \`${name}\` | ${initial} | ${about} |`
  })
  return ['| Variable | Default | What it does |', '| --- | --- | --- |', ...rows].join('\n')
}
