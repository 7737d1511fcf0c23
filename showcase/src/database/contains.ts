import { type Expression, type RawBuilder, sql } from 'kysely'

/**
 * Whether a column contains a text, whatever the case of either; the wildcards of LIKE are letters in it.
 *
 * @example query.where((e) => contains(e.ref('user.name'), 'ada'))
 */
export function contains(column: Expression<string | null>, text: string): RawBuilder<boolean> {
  const part = `%${text.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  return sql<boolean>`lower(${column}) like ${part} escape '\\'`
}
