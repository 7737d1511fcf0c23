import { deny } from 'sallyport'
import type { Database, MembershipRow } from '../database/database.ts'

/** Whether a change takes the role of an owner away; a room such as the lobby never had one. */
export async function removesOwner(
  work: Database['query'],
  {
    room,
    user,
    role,
  }: { readonly room: string; readonly user: string; readonly role: MembershipRow['role'] | null },
): Promise<boolean> {
  if (role === 'owner') return false
  const had = await work
    .selectFrom('memberships')
    .select('role')
    .where('room', '=', room)
    .where('user', '=', user)
    .executeTakeFirst()
  return had?.role === 'owner'
}

/** Undoes a change, by throwing out of its transaction, that would leave a room without an owner. */
export async function assertHasOwner(work: Database['query'], room: string): Promise<void> {
  // the row of the room is locked, so that two owners cannot leave at the same moment
  await work
    .updateTable('rooms')
    .set((e) => ({ title: e.ref('title') }))
    .where('id', '=', room)
    .execute()
  const owner = await work
    .selectFrom('memberships')
    .select('user')
    .where('room', '=', room)
    .where('role', '=', 'owner')
    .executeTakeFirst()
  if (owner === undefined) deny(409, 'last-owner', 'A room needs an owner: make another member one first.')
}
