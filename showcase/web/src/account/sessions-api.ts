import { z } from 'zod'
import { type Receipt, receiptAnswer } from '../http/receipt.ts'
import { request } from '../http/request.ts'
import { counted } from '../layout/counted.ts'

const socket = z.object({
  id: z.string(),
  kind: z.enum(['room', 'account', 'audit']),
  room: z.string().nullable(),
  title: z.string(),
  since: z.number(),
})

/** A session of a person, with its open sockets; the same on the account page and in the console. */
export const sessionOfPerson = z.object({
  id: z.string(),
  device: z.object({ browser: z.string(), system: z.string().nullable() }),
  address: z.string().nullable(),
  since: z.number(),
  lastActive: z.number(),
  sockets: z.array(socket),
})
const ownSession = sessionOfPerson.extend({ current: z.boolean() })

/** A session of a person. */
export type SessionOfPerson = z.output<typeof sessionOfPerson>
/** One of one's own sessions. */
export type OwnSession = z.output<typeof ownSession>

/** One's own sessions, the one used last at the front. @throws Problem */
export async function listSessions(signal: AbortSignal): Promise<readonly OwnSession[]> {
  const answer = z.object({ sessions: z.array(ownSession) })
  return (await request('/api/account/sessions', answer, { signal })).sessions
}

/** Signs one device out. @throws Problem */
export async function endSession(id: string): Promise<Receipt> {
  const path = `/api/account/sessions/${encodeURIComponent(id)}`
  return (await request(path, receiptAnswer, { method: 'DELETE' })).receipt
}

/** Signs all other devices out, and this one too where that is wanted. @throws Problem */
export async function signOutEverywhere(thisDevice: boolean): Promise<Receipt> {
  const options = { method: 'POST', body: { thisDevice } } as const
  return (await request('/api/account/sign-out-everywhere', receiptAnswer, options)).receipt
}

/** Changes the password; every other device is signed out, and this one has a new session. @throws Problem */
export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  const body = { currentPassword, newPassword, revokeOtherSessions: true }
  await request('/api/auth/change-password', z.unknown(), { method: 'POST', body })
}

/** The browser and the system of a session, in words. */
export function deviceWords({ device: { browser, system } }: Pick<SessionOfPerson, 'device'>): string {
  if (browser === 'Unknown') return system === null ? 'An unknown device' : `An unknown browser on ${system}`
  return system === null ? browser : `${browser} on ${system}`
}

/** What is open on a session, in words; rooms that are open more than once are named once. */
export function socketWords({ sockets }: Pick<SessionOfPerson, 'sockets'>): string {
  if (sockets.length === 0) return 'Nothing is open on it now.'
  const places = [...new Set(sockets.map(({ title }) => title))].join(', ')
  return `${counted(sockets.length, 'socket')} open now: ${places}`
}
