import { randomBytes } from 'node:crypto'
import type { Database } from './database.ts'

/** One setting, or `null` when it was never kept. */
export async function setting(database: Database, name: string): Promise<string | null> {
  const row = await database.query
    .selectFrom('settings')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.value ?? null
}

/**
 * Keeps a setting unless there is one already, and answers with the one that is kept: the first writer wins.
 */
export async function setIfAbsent(database: Database, name: string, value: string): Promise<string> {
  await database.query
    .insertInto('settings')
    .values({ name, value })
    .onConflict((c) => c.column('name').doNothing())
    .execute()
  return (await setting(database, name)) ?? value
}

/** The secret of a development server: made once, then the same for every node that shares the database. */
export function developmentSecret(database: Database): Promise<string> {
  return setIfAbsent(database, 'secret', randomBytes(33).toString('base64url'))
}
