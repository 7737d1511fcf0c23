import { randomBytes } from 'node:crypto'
import type { Database } from './database.ts'
import type { Identity } from '../identity/identity.ts'
import { setIfAbsent, setting } from './settings.ts'

/** Someone for trying things out, with the password that is shown once. */
export interface DemoUser {
  readonly username: string
  readonly password: string
  readonly role: 'user' | 'admin'
}

const demoPeople = [
  { username: 'ada', name: 'Ada Lovelace', role: 'admin' },
  { username: 'grace', name: 'Grace Hopper', role: 'user' },
  { username: 'linus', name: 'Linus Torvalds', role: 'user' },
  { username: 'margaret', name: 'Margaret Hamilton', role: 'user' },
] as const

const demoRooms = [
  {
    id: 'engineering',
    title: 'Engineering',
    visibility: 'members',
    readOnly: 0,
    members: { ada: 'owner', grace: 'member', linus: 'reader' },
  },
  {
    id: 'announcements',
    title: 'Announcements',
    visibility: 'public',
    readOnly: 1,
    members: { ada: 'owner', grace: 'owner' },
  },
] as const

/**
 * Makes sure that the lobby, which is open to everyone signed in, exists. Run it inside
 * `database.exclusively`.
 */
export async function seedLobby({ query }: Database): Promise<void> {
  const lobby = {
    id: 'lobby',
    title: 'Lobby',
    visibility: 'public',
    read_only: 0,
    created_by: null,
    created_at: Date.now(),
  } as const
  await query
    .insertInto('rooms')
    .values(lobby)
    .onConflict((c) => c.column('id').doNothing())
    .execute()
}

/**
 * Makes the demonstration's people and rooms, once in the life of a database and only while it has no
 * account. Run it inside `database.exclusively`, never in production.
 *
 * @returns the people with their random passwords, which are kept nowhere; empty when they were made before
 */
export async function seed(database: Database, identity: Identity): Promise<readonly DemoUser[]> {
  if ((await setting(database, 'seeded')) !== null || (await hasUsers(database))) return []
  const ids = new Map<string, string>()
  const users: DemoUser[] = []
  for (const { username, name, role } of demoPeople) {
    const password = randomBytes(12).toString('base64url')
    const { user } = await identity.api.createUser({
      body: { email: `${username}@demo.invalid`, password, name, role, data: { username } },
    })
    ids.set(username, user.id)
    users.push({ username, password, role })
  }
  for (const room of demoRooms) await seedRoom(database, room, ids)
  await setIfAbsent(database, 'seeded', new Date().toISOString())
  return users
}

async function hasUsers({ query }: Database): Promise<boolean> {
  return (await query.selectFrom('user').select('id').limit(1).executeTakeFirst()) !== undefined
}

async function seedRoom(
  { query }: Database,
  room: (typeof demoRooms)[number],
  ids: ReadonlyMap<string, string>,
): Promise<void> {
  const { id, title, visibility, readOnly, members } = room
  await query
    .insertInto('rooms')
    .values({
      id,
      title,
      visibility,
      read_only: readOnly,
      created_by: ids.get('ada') ?? null,
      created_at: Date.now(),
    })
    .execute()
  for (const [username, role] of Object.entries(members)) {
    const user = ids.get(username)
    if (user !== undefined) await query.insertInto('memberships').values({ room: id, user, role }).execute()
  }
}

/** The demonstration's people as a table for the console. */
export function demoTable(users: readonly DemoUser[], url: string): string {
  const rows = users.map(
    ({ username, password, role }) => `  ${username.padEnd(12)} ${password.padEnd(18)} ${role}`,
  )
  return ['', `Demonstration users for ${url} (shown once, kept nowhere in this form):`, ...rows, ''].join(
    '\n',
  )
}
