import { type Kysely, type RawBuilder, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Database } from './database.ts'

/**
 * Brings this server's own tables up to date; the identity tables have migrations of their own. Run it inside
 * `database.exclusively`.
 *
 * @throws what the database says when a step fails; each step is a transaction
 */
export async function migrate(database: Database): Promise<void> {
  const steps = { '2026-11-rooms': rooms(database.kind), '2026-12-audit': audit(database.kind) }
  const migrator = new Migrator({
    db: database.query,
    provider: { getMigrations: () => Promise.resolve(steps) },
    migrationTableName: 'showcase_migration',
    migrationLockTableName: 'showcase_migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

/** Ids are compared bytewise in both databases, whatever the locale of the server. */
function idType(kind: Database['kind']): RawBuilder<unknown> {
  return kind === 'postgres' ? sql`text COLLATE "C"` : sql`text`
}

function rooms(kind: Database['kind']): Migration {
  const id = idType(kind)
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('settings')
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('value', 'text', (c) => c.notNull())
        .execute()
      await db.schema
        .createTable('rooms')
        .addColumn('id', id, (c) => c.primaryKey())
        .addColumn('title', 'text', (c) => c.notNull())
        .addColumn('visibility', 'text', (c) => c.notNull().check(sql`visibility IN ('public', 'members')`))
        .addColumn('read_only', 'integer', (c) => c.notNull().defaultTo(0))
        .addColumn('created_by', 'text')
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .execute()
      await db.schema
        .createTable('memberships')
        .addColumn('room', id, (c) => c.notNull().references('rooms.id').onDelete('cascade'))
        .addColumn('user', 'text', (c) => c.notNull())
        .addColumn('role', 'text', (c) => c.notNull().check(sql`role IN ('owner', 'member', 'reader')`))
        .addPrimaryKeyConstraint('memberships_key', ['room', 'user'])
        .execute()
      await db.schema.createIndex('memberships_by_user').on('memberships').column('user').execute()
      await db.schema
        .createTable('messages')
        .addColumn('id', id, (c) => c.primaryKey())
        .addColumn('room', id, (c) => c.notNull().references('rooms.id').onDelete('cascade'))
        .addColumn('author', 'text', (c) => c.notNull())
        .addColumn('text', 'text', (c) => c.notNull())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .execute()
      await db.schema.createIndex('messages_by_page').on('messages').columns(['room', 'id']).execute()
    },
  }
}

function audit(kind: Database['kind']): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('audit')
        .addColumn('id', idType(kind), (c) => c.primaryKey())
        .addColumn('type', 'text', (c) => c.notNull())
        .addColumn('subject', 'text')
        .addColumn('contract', 'text')
        .addColumn('address', 'text')
        .addColumn('status', 'integer')
        .addColumn('code', 'text')
        .addColumn('ref', 'text')
        .addColumn('detail', 'text', (c) => c.notNull())
        .execute()
      // both are read backwards from a moment on, which every id begins with
      await db.schema.createIndex('audit_by_type').on('audit').columns(['type', 'id']).execute()
      await db.schema.createIndex('audit_by_subject').on('audit').columns(['subject', 'id']).execute()
    },
  }
}
