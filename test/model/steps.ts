import fc from 'fast-check'

export const users = ['ada', 'bob', 'eve'] as const
export const rooms = ['lobby', 'board'] as const
export const rights = ['none', 'read', 'write'] as const
export const slots = [0, 1] as const

export type User = (typeof users)[number]
export type Room = (typeof rooms)[number]
export type Right = (typeof rights)[number]
/** What a client does that is asked for a new credential. */
export type Manner = 'honest' | 'silent' | 'stale' | 'foreign' | 'replayed'

interface Who {
  readonly user: User
  /** One of the devices of a user. */
  readonly slot: number
}

interface Joining extends Who {
  readonly room: Room
  readonly node: number
  /** Whether with the session itself, or with a token that was issued to it. */
  readonly by: 'session' | 'token'
}

/** One thing that happens. */
export type Step =
  | ({ readonly do: 'signIn' | 'issue' } & Who)
  | ({ readonly do: 'signOut'; readonly told: boolean } & Who)
  | ({ readonly do: 'join' | 'knock' } & Joining)
  | { readonly do: 'say' | 'mumble' | 'leave' | 'comeBack'; readonly which: number }
  | { readonly do: 'letIn' | 'hearOut' }
  | { readonly do: 'dally'; readonly slow: boolean }
  | {
      readonly do: 'setRight'
      readonly user: User
      readonly room: Room
      readonly right: Right
      readonly told: boolean
    }
  | { readonly do: 'revoke' | 'kick'; readonly user: User; readonly room: Room; readonly node: number }
  | ({ readonly do: 'revokeToken'; readonly node: number } & Who)
  | { readonly do: 'answer'; readonly manner: Manner }
  | { readonly do: 'pass'; readonly minutes: number }

const user = fc.constantFrom(...users)
const slot = fc.constantFrom(...slots)
const room = fc.constantFrom(...rooms)
const node = fc.nat(1)
const which = fc.nat(9)
const told = fc.boolean()
const by = fc.constantFrom('session' as const, 'token' as const)

const joining = { user, slot, room, node, by }

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('signIn' as const, 'issue' as const), user, slot }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('signOut' as const), user, slot, told }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('join' as const), ...joining }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('knock' as const), ...joining }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('letIn' as const) }) },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('say' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mumble' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hearOut' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dally' as const), slow: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'comeBack' as const), which }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('setRight' as const),
      user,
      room,
      // whoever may nothing is of no interest for long
      right: fc.constantFrom(...rights, 'write', 'write'),
      told,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('revoke' as const, 'kick' as const), user, room, node }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revokeToken' as const), user, slot, node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      manner: fc.constantFrom<Manner>('honest', 'honest', 'silent', 'stale', 'foreign', 'replayed'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 4 }) }),
  },
)
