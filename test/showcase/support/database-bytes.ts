import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { available } from '../../support/require.ts'

/** Everything that a database holds, as it lies on the disk: SQLite's files with their log, or a dump of PostgreSQL. */
export function databaseBytes(databaseUrl: string): readonly Buffer[] {
  if (databaseUrl.startsWith('sqlite:')) return sqliteFiles(databaseUrl.slice('sqlite:'.length))
  const { pathname, searchParams } = new URL(databaseUrl)
  const tool = join(dirname(available('postgres') ?? ''), 'pg_dump')
  const where = ['-h', searchParams.get('host') ?? '', '-U', 'postgres', '-d', pathname.slice(1)]
  return [execFileSync(tool, ['--inserts', ...where], { maxBuffer: 2 ** 28 })]
}

function sqliteFiles(file: string): readonly Buffer[] {
  return [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]
    .filter(existsSync)
    .map((one) => readFileSync(one))
}
