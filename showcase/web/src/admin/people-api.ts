import { z } from 'zod'
import { sessionOfPerson } from '../account/sessions-api.ts'
import { room } from '../chat/rooms-api.ts'
import { type Receipt, receiptAnswer } from '../http/receipt.ts'
import { request } from '../http/request.ts'

const personListed = z.object({
  id: z.string(),
  name: z.string(),
  username: z.string().nullable(),
  email: z.string(),
  role: z.string(),
  ban: z.object({ reason: z.string().nullable(), until: z.number().nullable() }).nullable(),
})
const peopleFound = z.object({
  people: z.array(personListed.extend({ sockets: z.number() })),
  more: z.boolean(),
})
const roomOfPerson = room.extend({ given: z.boolean() })
const details = personListed.extend({ sessions: z.array(sessionOfPerson), rooms: z.array(roomOfPerson) })

/** People that a search has found; `more` says that it found too many to show. */
export type PeopleFound = z.output<typeof peopleFound>
/** Someone in the list of people. */
export type PersonListed = PeopleFound['people'][number]
/** Someone with sessions, sockets and rooms. */
export type PersonDetails = z.output<typeof details>
/** A room that a person may know, and the role of that person there. */
export type RoomOfPerson = PersonDetails['rooms'][number]

/** People by a part of name, user name or e-mail address. @throws Problem */
export function searchPeople(text: string, signal: AbortSignal): Promise<PeopleFound> {
  return request(`/api/admin/people?q=${encodeURIComponent(text)}`, peopleFound, { signal })
}

/** One person. @throws Problem */
export function readPerson(id: string, signal: AbortSignal): Promise<PersonDetails> {
  return request(at(id), details, { signal })
}

/** Shuts a person out of everything; for good where no number of seconds is given. @throws Problem */
export function ban(id: string, reason: string, seconds?: number): Promise<Receipt> {
  return post(`${at(id)}/ban`, { reason, ...(seconds === undefined ? {} : { seconds }) })
}

/** Lifts a ban. @throws Problem */
export function unban(id: string): Promise<Receipt> {
  return post(`${at(id)}/unban`, {})
}

/** Makes a person an administrator, or a user again. @throws Problem */
export function setRole(id: string, role: 'admin' | 'user'): Promise<Receipt> {
  return post(`${at(id)}/role`, { role })
}

/** Ends all sessions of a person. @throws Problem */
export function signOutPerson(id: string): Promise<Receipt> {
  return post(`${at(id)}/sign-out`, {})
}

/** Gives a person a role in a room. It replaces an earlier role. @throws Problem */
export function setRoomRole(id: string, roomId: string, role: RoomOfPerson['role']): Promise<Receipt> {
  return post(inRoom(id, roomId), { role })
}

/** Takes a person's role in a room away. @throws Problem */
export async function removeFromRoom(id: string, roomId: string): Promise<Receipt> {
  return (await request(inRoom(id, roomId), receiptAnswer, { method: 'DELETE' })).receipt
}

/** Closes a person's sockets in one room; the person may come back. @throws Problem */
export function kick(id: string, roomId: string, reason: string): Promise<Receipt> {
  return post(`${inRoom(id, roomId)}/kick`, { reason })
}

async function post(path: string, body: object): Promise<Receipt> {
  return (await request(path, receiptAnswer, { method: 'POST', body })).receipt
}

function at(id: string): string {
  return `/api/admin/people/${encodeURIComponent(id)}`
}

function inRoom(id: string, roomId: string): string {
  return `${at(id)}/rooms/${encodeURIComponent(roomId)}`
}
