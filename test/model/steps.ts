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
  /** With the session itself, a token that was issued to it, or the key of the user, which has neither date nor end. */
  readonly by: 'session' | 'token' | 'key'
}

/** One thing that happens. */
export type Step =
  | ({ readonly do: 'signIn' } & Who)
  /** The clock of the issuer may be ahead of that of the servers. */
  | ({ readonly do: 'issue'; readonly ahead: number } & Who)
  | ({ readonly do: 'signOut'; readonly told: boolean } & Who)
  | ({ readonly do: 'join' | 'knock' } & Joining)
  | ({
      readonly do: 'mint'
      readonly room: Room
      readonly node: number
      readonly by: 'session' | 'token'
    } & Who)
  | {
      readonly do: 'redeem'
      readonly which: number
      readonly node: number
      /** Whether it is brought to where it is good, once. */
      readonly how: 'well' | 'again' | 'elsewhere'
      /** Whether `authorize` takes its time. */
      readonly slow: boolean
    }
  /** Of those whom it may be about, 0 is the one who has come last. */
  | { readonly do: 'say' | 'sayLater' | 'comeBack'; readonly which: number }
  | { readonly do: 'leave'; readonly which: number; readonly how: 'closes' | 'vanishes' }
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
  /** Sets the wall clock to so many milliseconds before or after the true time; it stays there for at least 6 s, or not. */
  | { readonly do: 'setClock'; readonly ahead: number; readonly stays: boolean }

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000]

const user = fc.constantFrom(...users)
const slot = fc.constantFrom(...slots)
const room = fc.constantFrom(...rooms)
const node = fc.nat(1)
const which = fc.nat(9)
const told = fc.boolean()
const by = fc.constantFrom('session', 'token', 'session', 'token', 'key')
const ticketBy = fc.constantFrom('session', 'token')
const aheadOnly = fc.constantFrom(5 * second, 40 * second, 3 * minute, hour, 9 * day)
const setTo = fc.oneof(
  fc.constant(0),
  aheadOnly,
  aheadOnly.map((ms) => -ms),
)
const parting = fc.constantFrom('closes' as const, 'vanishes' as const)

const joining = { user, slot, room, node, by }

/** How often each kind of step comes, among the others. */
const weighted: readonly (readonly [number, fc.Arbitrary<Step>])[] = [
  [2, fc.record({ do: fc.constant('signIn'), user, slot })],
  [3, fc.record({ do: fc.constant('issue'), user, slot, ahead: fc.constantFrom(0, 0, 0, 40 * second) })],
  [2, fc.record({ do: fc.constant('signOut'), user, slot, told })],
  [9, fc.record({ do: fc.constant('join'), ...joining })],
  [3, fc.record({ do: fc.constant('knock'), ...joining })],
  [3, fc.record({ do: fc.constant('mint'), user, slot, room, node, by: ticketBy })],
  [
    4,
    fc.record({
      do: fc.constant('redeem'),
      which,
      node,
      how: fc.constantFrom('well', 'well', 'well', 'again', 'elsewhere'),
      slow: fc.boolean(),
    }),
  ],
  [2, fc.record({ do: fc.constant('letIn') })],
  [7, fc.record({ do: fc.constant('say'), which })],
  [5, fc.record({ do: fc.constant('sayLater'), which })],
  [2, fc.record({ do: fc.constant('hearOut') })],
  [1, fc.record({ do: fc.constant('dally'), slow: fc.boolean() })],
  [2, fc.record({ do: fc.constant('leave'), which, how: parting })],
  [2, fc.record({ do: fc.constant('comeBack'), which })],
  [
    6,
    fc.record({
      do: fc.constant('setRight'),
      user,
      room,
      // who may nothing is of no interest for long
      right: fc.constantFrom(...rights, 'write', 'write'),
      told,
    }),
  ],
  [3, fc.record({ do: fc.constantFrom('revoke', 'revoke', 'kick'), user, room, node })],
  [1, fc.record({ do: fc.constant('revokeToken'), user, slot, node })],
  [
    2,
    fc.record({
      do: fc.constant('answer'),
      manner: fc.constantFrom<Manner[]>('honest', 'honest', 'silent', 'stale', 'foreign', 'replayed'),
    }),
  ],
  [3, fc.record({ do: fc.constant('pass'), minutes: fc.integer({ min: 1, max: 4 }) })],
  [3, fc.record({ do: fc.constant('setClock'), ahead: setTo, stays: fc.boolean() })],
]

const step: fc.Arbitrary<Step> = fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))

type Ending = 'revoke' | 'kick' | 'signOut' | 'revokeToken' | 'setRight'

/** How access ends, for sure and at once. */
function endingOf(end: Ending, who: Joining): Step {
  switch (end) {
    case 'setRight':
      return { do: end, ...who, right: 'none', told: true }
    case 'signOut':
      return { do: end, ...who, told: true }
    case 'revokeToken':
      return { do: end, ...who }
    default:
      return { do: end, ...who }
  }
}

/** How a user gets what they come in with. */
function gotten(who: Joining): Step {
  return who.by === 'session' ? { do: 'signIn', ...who } : { do: 'issue', ...who, ahead: 0 }
}

/** What happens to a ticket: an end of what it rests on, or of itself, by one clock or the other. */
type Fate = Ending | 'sooner' | 'later' | null

function fateOf(fate: Fate, who: Joining): readonly Step[] {
  if (fate === null) return []
  if (fate === 'sooner') return [{ do: 'setClock', ahead: 3 * minute, stays: false }]
  if (fate !== 'later') return [endingOf(fate, who)]
  return [
    { do: 'setClock', ahead: -3 * minute, stays: false },
    { do: 'pass', minutes: 2 },
  ]
}

/** What leads to something of interest, and happens seldom by itself. */
const tales: readonly fc.Arbitrary<readonly Step[]>[] = [
  // what was issued while the clock was ahead, after a revocation; the servers look at their clocks before and after, or late
  fc
    .record({ ...joining, by: ticketBy, ahead: aheadOnly, stays: fc.constantFrom(true, true, false) })
    .map(({ ahead, stays, ...who }): Step[] => [
      { do: 'join', ...who },
      { do: 'setClock', ahead, stays: false },
      gotten(who),
      { do: 'setClock', ahead, stays },
      { do: 'setClock', ahead: 0, stays },
      { do: 'revoke', ...who },
      { do: 'join', ...who },
    ]),
  // what was issued after a revocation, when the clock had been ahead before
  fc.record({ ...joining, ahead: aheadOnly }).map(({ ahead, ...who }): Step[] => [
    { do: 'setClock', ahead, stays: true },
    { do: 'setClock', ahead: 0, stays: true },
    { do: 'pass', minutes: 1 },
    { do: 'revoke', ...who },
    { do: 'signIn', ...who },
    { do: 'issue', ...who, ahead: 0 },
    { do: 'join', ...who },
  ]),
  // a clock that is set back, and a revocation, between authentication and the end of `authorize`
  fc
    .record({ ...joining, ahead: aheadOnly, was: fc.constantFrom('right', 'ahead') })
    .map(({ ahead, was, ...who }): Step[] => [
      { do: 'setClock', ahead: was === 'right' ? 0 : ahead, stays: false },
      gotten(who),
      { do: 'knock', ...who },
      { do: 'setClock', ahead: was === 'right' ? -ahead : 0, stays: false },
      { do: 'revoke', ...who },
      { do: 'letIn' },
    ]),
  // a token of an issuer whose clock is ahead, after it was used and its user was revoked
  fc.record({ ...joining, by: fc.constant('token' as const) }).map((who): Step[] => [
    { do: 'issue', ...who, ahead: 40 * second },
    { do: 'join', ...who },
    { do: 'revoke', ...who },
    { do: 'comeBack', which: 0 },
  ]),
  // what was said before leaving, and the end of access
  fc
    .record({
      ...joining,
      how: parting,
      end: fc.constantFrom<Ending[]>('revoke', 'kick', 'signOut', 'revokeToken', 'setRight'),
    })
    .map(({ how, end, ...who }): Step[] => [
      { do: 'join', ...who },
      { do: 'sayLater', which: 0 },
      { do: 'sayLater', which: 0 },
      { do: 'sayLater', which: 0 },
      { do: 'leave', which: 0, how },
      endingOf(end, who),
      { do: 'hearOut' },
    ]),
  // tickets for another node, and what becomes of them or of what they rest on
  fc
    .record({
      ...joining,
      by: ticketBy,
      slow: fc.boolean(),
      minted: fc.integer({ min: 1, max: 3 }),
      before: fc.constantFrom<Fate[]>(
        'revoke',
        'signOut',
        'revokeToken',
        'sooner',
        'later',
        null,
        null,
        null,
      ),
      again: fc.constantFrom('well', 'again', 'elsewhere'),
    })
    .map(({ slow, minted, before, again, ...who }): Step[] => {
      const redeem = { do: 'redeem', which: 0, node: 1 - who.node } as const
      return [
        ...Array.from({ length: minted }, () => ({ do: 'mint', ...who }) as const),
        ...fateOf(before, who),
        { ...redeem, how: 'well', slow },
        { ...redeem, how: again, slow: false },
      ]
    }),
]

const steps = 50

/** So many steps. */
export const story: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.oneof(
      { weight: 60, arbitrary: fc.tuple(step) },
      ...tales.map((arbitrary) => ({ weight: 1, arbitrary })),
    ),
    { minLength: steps, maxLength: steps, size: 'max' },
  )
  .map((parts) => parts.flat().slice(0, steps))
