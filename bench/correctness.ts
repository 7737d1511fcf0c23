import { randomBytes } from 'node:crypto'
import { deepStrictEqual } from 'node:assert/strict'
import { userCount } from './peers/common.ts'
import type { Server } from './server.ts'
import { signed } from './tokens.ts'
import { type Visitor, visit } from './visitor.ts'

/** What the check found out about a peer: each refusal, and how it was said. */
export interface Correctness {
  readonly peer: string
  readonly refusals: Readonly<Record<string, string>>
}

/**
 * Checks that a peer does what is measured: lets the right people in, refuses the others, delivers to a
 * room and to nobody else. A fast server that does something else is not faster.
 *
 * @throws Error that says what the peer did instead
 */
export async function checkCorrectness(server: Server, secret: string): Promise<Correctness> {
  try {
    await checkChat(server, secret)
    return { peer: server.peer.name, refusals: await checkRefusals(server, secret) }
  } catch (error) {
    throw new Error(`${server.peer.name} does not do what is measured`, { cause: error })
  }
}

async function checkChat(server: Server, secret: string): Promise<void> {
  const ada = await inside(server, await signed(secret, { subject: 'u1' }), 'check-1')
  const ben = await inside(server, await signed(secret, { subject: 'u2' }), 'check-1')
  const eve = await inside(server, await signed(secret, { subject: 'u3' }), 'check-2')
  for (const [who, username] of [
    [ada, 'user1'],
    [ben, 'user2'],
    [eve, 'user3'],
  ] as const)
    deepStrictEqual(
      await who.next(),
      { message: `Welcome, ${username}!`, username },
      'the welcome comes first',
    )
  // nonsense goes first: had it been passed on, it would be heard before what follows
  ada.say({ message: 5 })
  ada.say({ message: 'hello ü' })
  for (const who of [ada, ben])
    deepStrictEqual(
      await who.next(),
      { message: 'hello ü', username: 'user1' },
      'the room hears it, its sender too',
    )
  eve.say({ message: 'alone' })
  deepStrictEqual(
    await eve.next(),
    { message: 'alone', username: 'user3' },
    'another room hears its own alone',
  )
  ben.say({ message: 'and back' })
  for (const who of [ada, ben])
    deepStrictEqual(
      await who.next(),
      { message: 'and back', username: 'user2' },
      'nothing leaks from another room',
    )
  for (const who of [ada, ben, eve]) who.leave()
}

async function inside(server: Server, token: string, room: string): Promise<Visitor> {
  const result = await visit(server, token, room)
  if ('inside' in result) return result.inside
  throw new Error(`a valid token was refused: ${result.refused}`)
}

async function checkRefusals(server: Server, secret: string): Promise<Readonly<Record<string, string>>> {
  const refusals: Record<string, string> = {}
  for (const [what, token] of Object.entries(await badTokens(secret))) {
    const result = await visit(server, token, 'check-1')
    if ('inside' in result) throw new Error(`let in with this token: ${what}`)
    refusals[what] = result.refused
  }
  return refusals
}

async function badTokens(secret: string): Promise<Readonly<Record<string, string | null>>> {
  const good = await signed(secret)
  const [header = '', payload = '', signature = ''] = good.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  return {
    'no token': null,
    garbage: 'garbage',
    forged: await signed(randomBytes(32).toString('hex')),
    expired: await signed(secret, { expires: '-1h' }),
    'signed with none': `${none}.${payload}.`,
    'signature cut off': `${header}.${payload}.${signature.slice(0, -4)}`,
    'from another issuer': await signed(secret, { issuer: 'https://other.example' }),
    'for another audience': await signed(secret, { audience: 'other' }),
    'of an unknown user': await signed(secret, { subject: `u${userCount}` }),
  }
}
