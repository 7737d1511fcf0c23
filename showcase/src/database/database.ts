import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { NodeSqliteDialect } from '@better-auth/kysely-adapter/node-sqlite-dialect'
import { type Generated, Kysely, PostgresDialect } from 'kysely'
import { Client, Pool } from 'pg'
import { ConfigurationError, type DatabaseAddress } from '../config.ts'

/**
 * The tables, as the code of this server uses them; the identity tables hold more columns than are named
 * here.
 */
export interface Tables {
  rooms: RoomRow
  memberships: MembershipRow
  messages: MessageRow
  settings: { name: string; value: string }
  user: UserRow
  session: SessionRow
  audit: AuditRow
}

/**
 * One room. Booleans are 0 or 1 and times are milliseconds, because SQLite has neither booleans nor dates.
 */
export interface RoomRow {
  id: string
  title: string
  visibility: 'public' | 'members'
  read_only: number
  created_by: string | null
  created_at: Generated<number | string>
}

/** What one user may do in one room. */
export interface MembershipRow {
  room: string
  user: string
  role: 'owner' | 'member' | 'reader'
}

/** One message; ids sort by time. */
export interface MessageRow {
  id: string
  room: string
  author: string
  text: string
  /** Milliseconds; PostgreSQL's driver reads bigints as strings. */
  at: number | string
}

/** What this server reads of a user. */
export interface UserRow {
  id: string
  name: string
  username: string | null
  email: string
  role: string | null
  banned: number | boolean | null
  banReason: string | null
  banExpires: string | Date | null
}

/** What this server reads of a session; its token is left to the identity server. */
export interface SessionRow {
  id: string
  userId: string
  createdAt: string | Date
  updatedAt: string | Date
  expiresAt: string | Date
  ipAddress: string | null
  userAgent: string | null
}

/** One event of access. */
export interface AuditRow {
  /** Sorts by time. */
  id: string
  type: string
  subject: string | null
  contract: string | null
  address: string | null
  status: number | null
  code: string | null
  ref: string | null
  /** A JSON object with the rest. */
  detail: string
}

/** An open database. */
export interface Database {
  readonly kind: DatabaseAddress['kind']
  readonly query: Kysely<Tables>
  /**
   * Runs something while no other process that shares the database does so; for migrations and first-start
   * data.
   */
  exclusively<T>(run: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

/**
 * Opens the database; a SQLite file is made, readable by its owner alone, when it is not there.
 *
 * @throws ConfigurationError when it cannot be opened or reached
 * @example const database = await openDatabase({ kind: 'sqlite', file: ':memory:' })
 */
export async function openDatabase(address: DatabaseAddress): Promise<Database> {
  return address.kind === 'sqlite' ? openSqlite(address.file) : await openPostgres(address.url)
}

const lockWaitMs = 60_000

function openSqlite(file: string): Database {
  const database = sqliteFile(file)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL',
  )
  const query = new Kysely<Tables>({ dialect: new NodeSqliteDialect({ database }) })
  return {
    kind: 'sqlite',
    query,
    exclusively: (run) => (file === ':memory:' ? run() : withFileLock(`${file}-setup-lock`, run)),
    close: () => query.destroy(),
  }
}

function sqliteFile(file: string): DatabaseSync {
  try {
    if (file === ':memory:') return new DatabaseSync(file)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const fresh = !existsSync(file)
    const database = new DatabaseSync(file)
    // it holds password hashes, session tokens and, in development, the secret
    if (fresh) chmodSync(file, 0o600)
    return database
  } catch (cause) {
    throw new ConfigurationError(
      'The SQLite file of DATABASE_URL cannot be opened: check its directory and permissions.',
      { cause },
    )
  }
}

/** SQLite's own file lock, which ends with the process; taken without blocking the event loop. */
async function withFileLock<T>(file: string, run: () => Promise<T>): Promise<T> {
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    await takeFileLock(lock)
    return await run()
  } finally {
    lock.close()
  }
}

async function takeFileLock(lock: DatabaseSync): Promise<void> {
  const until = Date.now() + lockWaitMs
  while (!tryFileLock(lock)) {
    if (Date.now() > until)
      throw new ConfigurationError(
        'Another process has been setting up this database for a minute: stop it and start again.',
      )
    await wait(50)
  }
}

function tryFileLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    // SQLITE_BUSY: https://www.sqlite.org/rescode.html#busy
    if (error instanceof Error && 'errcode' in error && error.errcode === 5) return false
    throw error
  }
}

// any number will do, as long as no other program uses it in this database
const advisoryLock = 7_255_597

async function openPostgres(url: string): Promise<Database> {
  const pool = new Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 10_000 })
  // an idle connection that breaks is replaced at its next use; without a listener it would end the process
  pool.on('error', () => {})
  await reach(pool)
  const query = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  return {
    kind: 'postgres',
    query,
    exclusively: (run) => withAdvisoryLock(url, run),
    close: () => query.destroy(),
  }
}

async function reach(pool: Pool): Promise<void> {
  try {
    await pool.query('SELECT 1')
  } catch (cause) {
    await pool.end()
    throw new ConfigurationError(
      'The PostgreSQL server of DATABASE_URL cannot be reached: check address, user and password.',
      { cause },
    )
  }
}

/**
 * A lock of its own connection, which ends with it:
 * https://www.postgresql.org/docs/current/explicit-locking.html
 */
async function withAdvisoryLock<T>(url: string, run: () => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(`SET statement_timeout = ${lockWaitMs}`)
    await client.query('SELECT pg_advisory_lock($1)', [advisoryLock])
    return await run()
  } finally {
    await client.end()
  }
}
