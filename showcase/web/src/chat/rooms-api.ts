import { z } from 'zod'
import { request } from '../http/request.ts'

const role = z.enum(['owner', 'member', 'reader'])
/** A room as one person sees it. */
export const room = z.object({
  id: z.string(),
  title: z.string(),
  visibility: z.enum(['public', 'members']),
  readOnly: z.boolean(),
  role,
  canWrite: z.boolean(),
})
const member = z.object({ id: z.string(), name: z.string(), username: z.string().nullable(), role })
const roomWithMembers = room.extend({ members: z.array(member) })

/** What one may be in a room. */
export type Role = z.output<typeof role>
/** A room as the person who is signed in sees it. */
export type Room = z.output<typeof room>
/** Someone who was given a role in a room. */
export type Member = z.output<typeof member>
/** A room and who was given a role in it. */
export type RoomWithMembers = z.output<typeof roomWithMembers>
/** What a new room is made of. */
export type NewRoom = Pick<Room, 'title' | 'visibility' | 'readOnly'>

/** The rooms that one may know. @throws Problem */
export async function listRooms(signal: AbortSignal): Promise<readonly Room[]> {
  return (await request('/api/rooms', z.object({ rooms: z.array(room) }), { signal })).rooms
}

/** One room and its members. @throws Problem */
export function readRoom(id: string, signal: AbortSignal): Promise<RoomWithMembers> {
  return request(at(id), roomWithMembers, { signal })
}

/** Makes a room and owns it. @throws Problem */
export function createRoom(body: NewRoom): Promise<Room> {
  return request('/api/rooms', room, { method: 'POST', body })
}

/** Gives a person a role. It replaces an earlier role. @throws Problem */
export async function invite(
  id: string,
  body: { readonly username: string; readonly role: Role },
): Promise<void> {
  await request(`${at(id)}/members`, z.unknown(), { method: 'POST', body })
}

/** Takes a person's role away. @throws Problem */
export async function removeMember(id: string, user: string): Promise<void> {
  await request(`${at(id)}/members/${encodeURIComponent(user)}`, z.unknown(), { method: 'DELETE' })
}

/** Gives one's own role up. @throws Problem */
export async function leaveRoom(id: string): Promise<void> {
  await request(`${at(id)}/leave`, z.unknown(), { method: 'POST', body: {} })
}

function at(id: string): string {
  return `/api/rooms/${encodeURIComponent(id)}`
}
