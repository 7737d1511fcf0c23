import { contains } from '../database/contains.ts'
import type { Database, UserRow } from '../database/database.ts'
import { isBanned } from '../identity/people.ts'

/** Someone as administrators see them. */
export interface PersonListed {
  readonly id: string
  readonly name: string
  readonly username: string | null
  readonly email: string
  readonly role: string
  /** `null` for who is not banned. */
  readonly ban: { readonly reason: string | null; readonly until: number | null } | null
}

/** Everybody who has an account, banned or not. */
export interface Directory {
  /** People whose name, user name or e-mail address contains the text, sorted by name; `more` says that there are others. */
  search(text: string): Promise<{ readonly people: readonly PersonListed[]; readonly more: boolean }>
  find(id: string): Promise<PersonListed | null>
}

/** The most people that one search answers with. */
export const directoryPageSize = 50

/** People in the identity tables. */
export function directory({ query }: Database): Directory {
  const all = () =>
    query
      .selectFrom('user')
      .select(['id', 'name', 'username', 'email', 'role', 'banned', 'banReason', 'banExpires'])
  return {
    async search(text) {
      const rows = await all()
        .$if(text !== '', (q) =>
          q.where((e) =>
            e.or((['name', 'username', 'email'] as const).map((column) => contains(e.ref(column), text))),
          ),
        )
        .orderBy('name')
        .orderBy('id')
        .limit(directoryPageSize + 1)
        .execute()
      return {
        people: rows.slice(0, directoryPageSize).map(listed),
        more: rows.length > directoryPageSize,
      }
    },
    async find(id) {
      const row = await all().where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : listed(row)
    },
  }
}

function listed({ banned, banReason, banExpires, role, ...row }: UserRow): PersonListed {
  const until = banExpires === null ? null : new Date(banExpires).getTime()
  const ban = isBanned({ banned, banExpires }) ? { reason: banReason, until } : null
  return { ...row, role: role ?? 'user', ban }
}
