import { execFileSync, type SpawnOptions } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { available } from '../../support/require.ts'

interface Server {
  readonly address: (database: string) => string
  readonly create: (database: string) => void
  readonly stop: () => void
}

let running: Server | undefined
let count = 0

afterAll(() => {
  running?.stop()
  running = undefined
})

/**
 * The address of an empty database on a real PostgreSQL server, which the first call starts and the last test
 * stops.
 */
export function freshDatabase(): Promise<string> {
  running ??= boot()
  const name = `test_${count++}`
  running.create(name)
  return Promise.resolve(running.address(name))
}

/** A server without a port, on a socket in its own directory; PostgreSQL refuses to run as root. */
function boot(): Server {
  const program = available('postgres')
  if (program === null) throw new Error('this machine has no PostgreSQL: ask available() first')
  const directory = mkdtempSync(join(tmpdir(), 'postgres-'))
  const as = owner()
  if (as !== null) chownSync(directory, as.uid, as.gid)
  chmodSync(directory, 0o755)
  const how: SpawnOptions = { stdio: 'ignore', ...as }
  const [data, tools] = [join(directory, 'data'), dirname(program)]
  execFileSync(
    join(tools, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8'],
    how,
  )
  const settings = `-c listen_addresses= -c unix_socket_directories=${directory} -c fsync=off -c full_page_writes=off`
  const log = join(directory, 'log')
  execFileSync(join(tools, 'pg_ctl'), ['-D', data, '-w', '-l', log, '-o', settings, 'start'], how)
  return {
    address: (database) => `postgres://postgres@localhost/${database}?host=${directory}`,
    create: (database) =>
      void execFileSync(join(tools, 'createdb'), ['-h', directory, '-U', 'postgres', database], how),
    stop() {
      execFileSync(join(tools, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'], how)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function owner(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null
  return { uid: idOfPostgres('-u'), gid: idOfPostgres('-g') }
}

function idOfPostgres(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}
