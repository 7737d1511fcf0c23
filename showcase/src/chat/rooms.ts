import { randomInt } from 'node:crypto'
import { deny } from 'sallyport'
import type { Selectable } from 'kysely'
import type { Database, MembershipRow, RoomRow } from '../database/database.ts'
import { assertHasOwner, removesOwner } from './room-owners.ts'
import type { Access } from '../identity/access.ts'
import { chat } from './contract.ts'

/** What one may be in a room: owners invite and remove, readers only read. */
export type Role = MembershipRow['role']

/** What a user is in a room, and whether they may write there. */
export interface Membership {
  readonly role: Role
  readonly canWrite: boolean
}

/** A room as one user sees it. */
export interface Room extends Membership {
  readonly id: string
  readonly title: string
  readonly visibility: 'public' | 'members'
  /** Whether only owners write. */
  readonly readOnly: boolean
}

/** Someone who was given a role in a room. */
export interface Member {
  readonly id: string
  readonly name: string
  readonly username: string | null
  readonly role: Role
}

/** What a new room is made of. */
export interface NewRoom {
  readonly title: string
  readonly visibility: 'public' | 'members'
  readonly readOnly: boolean
}

/** The role of a user in a room was given, changed or taken. */
export interface MembershipChange {
  readonly room: string
  readonly user: string
}

/** Called after a change is in the database, so that open sockets can follow; awaited. */
export type MembershipChanged = (change: MembershipChange) => Promise<void>

/** Rooms and who may do what in them. A room that one may not know answers like one that does not exist. */
export interface Rooms {
  /** Whether a user may be in a room; the `authorize` of the chat. */
  membership(user: string, room: string): Promise<Membership | null>
  /** The rooms that a user may know: public ones and their own, by title. */
  visible(user: string): Promise<readonly Room[]>
  /** @throws Denial 404 */
  see(user: string, room: string): Promise<Room>
  /** The room's members by name; of a public room those who were given a role. @throws Denial 404 */
  members(user: string, room: string): Promise<readonly Member[]>
  create(owner: string, room: NewRoom): Promise<Room>
  /**
   * Gives a role, also in place of another one. @throws Denial 404, 403 for those who are no owner, 409 for
   * the last owner
   */
  invite(by: string, room: string, change: { readonly user: string; readonly role: Role }): Promise<void>
  /** Takes a role away. @throws Denial 404, 403 for those who are no owner, 409 for the last owner */
  remove(by: string, room: string, user: string): Promise<void>
  /** @throws Denial 404, 409 for the last owner, and in a public room, which is open to all */
  leave(user: string, room: string): Promise<void>
  /** The rooms that a person may know, as an administrator sees them. */
  of(user: string): Promise<readonly RoomOfPerson[]>
  /** Gives a role, as an administrator does. @throws Denial 404, 409 for the last owner */
  assign(room: string, change: { readonly user: string; readonly role: Role }): Promise<void>
  /** Takes a role away, as an administrator does. @throws Denial 404, 409 for the last owner */
  dismiss(room: string, user: string): Promise<void>
}

/** A room of a person, and whether that person was given a role there. In a public room everyone has a role. */
export interface RoomOfPerson extends Room {
  readonly given: boolean
}

type Row = Pick<Selectable<RoomRow>, 'id' | 'title' | 'visibility' | 'read_only'> & { role: Role | null }

/** Rooms in the database. */
export function rooms(database: Database, changed: MembershipChanged = async () => {}): Rooms {
  const { query } = database

  const seenBy = (user: string) =>
    query
      .selectFrom('rooms')
      .leftJoin('memberships', (join) =>
        join.onRef('memberships.room', '=', 'rooms.id').on('memberships.user', '=', user),
      )
      .select(['rooms.id', 'rooms.title', 'rooms.visibility', 'rooms.read_only', 'memberships.role'])
      .where((e) => e.or([e('rooms.visibility', '=', 'public'), e('memberships.role', 'is not', null)]))

  const find = async (user: string, room: string): Promise<Room | null> => {
    const row = await seenBy(user).where('rooms.id', '=', room).executeTakeFirst()
    return row === undefined ? null : roomOf(row)
  }
  const see = async (user: string, room: string): Promise<Room> =>
    (await find(user, room)) ?? deny(404, 'no-such-room', 'There is no such room, or it is not for you.')

  const ownedRoom = async (user: string, room: string): Promise<Room> => {
    const seen = await see(user, room)
    return seen.role === 'owner' ? seen : deny(403, 'not-owner', 'Only an owner of the room may do this.')
  }

  return {
    async membership(user, room) {
      const found = await find(user, room)
      return found && { role: found.role, canWrite: found.canWrite }
    },
    visible: async (user) => (await seenBy(user).orderBy('rooms.title').execute()).map(roomOf),
    see,
    async members(user, room) {
      await see(user, room)
      return await query
        .selectFrom('memberships')
        .innerJoin('user', 'user.id', 'memberships.user')
        .select(['user.id', 'user.name', 'user.username', 'memberships.role'])
        .where('memberships.room', '=', room)
        .orderBy('user.name')
        .execute()
    },
    async create(owner, { title, visibility, readOnly }) {
      const room = {
        id: roomId(title),
        title,
        visibility,
        read_only: readOnly ? 1 : 0,
        created_by: owner,
        created_at: Date.now(),
      }
      await query.transaction().execute(async (work) => {
        await work.insertInto('rooms').values(room).execute()
        await work.insertInto('memberships').values({ room: room.id, user: owner, role: 'owner' }).execute()
      })
      return roomOf({ ...room, role: 'owner' })
    },
    async invite(by, room, { user, role }) {
      await ownedRoom(by, room)
      await setRole(room, user, role)
    },
    async remove(by, room, user) {
      await removeRole((await ownedRoom(by, room)).id, user)
    },
    async of(user) {
      const rows = await seenBy(user).orderBy('rooms.title').execute()
      return rows.map((row) => ({ ...roomOf(row), given: row.role !== null }))
    },
    async assign(room, { user, role }) {
      await assertExists(room)
      await setRole(room, user, role)
    },
    async dismiss(room, user) {
      await assertExists(room)
      await removeRole(room, user)
    },
    async leave(user, room) {
      // in a public room a role only says more or less than everybody may: a muted reader must not shake it
      // off
      const seen = await see(user, room)
      if (seen.visibility === 'public')
        deny(409, 'public-room', 'A public room is open to all: there is nothing to leave.')
      await removeRole(room, user)
    },
  }

  async function assertExists(room: string): Promise<void> {
    const found = await query.selectFrom('rooms').select('id').where('id', '=', room).executeTakeFirst()
    if (found === undefined) deny(404, 'no-such-room', 'There is no such room.')
  }

  async function setRole(room: string, user: string, role: Role): Promise<void> {
    await query.transaction().execute(async (work) => {
      const losesOwner = await removesOwner(work, { room, user, role })
      const given = work.insertInto('memberships').values({ room, user, role })
      await given.onConflict((c) => c.columns(['room', 'user']).doUpdateSet({ role })).execute()
      if (losesOwner) await assertHasOwner(work, room)
    })
    await changed({ room, user })
  }

  async function removeRole(room: string, user: string): Promise<void> {
    await query.transaction().execute(async (work) => {
      const losesOwner = await removesOwner(work, { room, user, role: null })
      const { numDeletedRows } = await work
        .deleteFrom('memberships')
        .where('room', '=', room)
        .where('user', '=', user)
        .executeTakeFirst()
      if (numDeletedRows === 0n) deny(404, 'no-such-member', 'That person has no role in this room.')
      if (losesOwner) await assertHasOwner(work, room)
    })
    await changed({ room, user })
  }
}

function roomOf({ id, title, visibility, read_only, role: given }: Row): Room {
  const role = given ?? 'member'
  const readOnly = read_only === 1
  return {
    id,
    title,
    visibility,
    readOnly,
    role,
    canWrite: role === 'owner' || (role === 'member' && !readOnly),
  }
}

const letters = 'abcdefghijkmnpqrstuvwxyz23456789'

/** The title as a slug, and some letters that say nothing about which other rooms there are. */
function roomId(title: string): string {
  const slug = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40)
  const tail = Array.from({ length: 6 }, () => letters[randomInt(letters.length)]).join('')
  return slug === '' ? `room-${tail}` : `${slug}-${tail}`
}

/** Asks again for the sockets of someone whose role in a room has changed: they lock, unlock, or close. */
export function followMembership(access: Pick<Access, 'recheck'>): MembershipChanged {
  return async ({ room, user }) => void (await access.recheck({ user, at: [chat, { room }] }))
}
