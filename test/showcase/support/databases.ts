import { join } from 'node:path'
import { describe } from 'vitest'
import { available } from '../../support/require.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { freshDatabase } from './postgres.ts'

/** Answers with the address of a database that has no other user. */
export type FreshDatabase = () => Promise<string>

/** Runs the same tests on both databases; PostgreSQL is skipped, aloud, where it is not installed. */
export function onBothDatabases(title: string, tests: (fresh: FreshDatabase) => void): void {
  describe(`${title}, on SQLite`, () => {
    tests(() => Promise.resolve(`sqlite:${join(temporaryDirectory(), 'test.db')}`))
  })
  describe.skipIf(available('postgres') === null)(`${title}, on PostgreSQL`, () => {
    tests(freshDatabase)
  })
}
