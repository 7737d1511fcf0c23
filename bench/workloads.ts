/** The names of the workloads, in the order in which they run. */
export const workloadIds = [
  'A',
  'F',
  'Fb',
  'G',
  'B1',
  'B16',
  'C100',
  'C1000',
  'C5000',
  'W',
  'P',
  'Q',
  'D',
  'Ds',
  'E',
  'H',
  'S',
] as const
export type WorkloadId = (typeof workloadIds)[number]
/** Those that are measured cold and warm. */
export type HandshakeId = 'A' | 'F' | 'Fb'
/** Those that are measured in rounds, by servers that take turns; all others have servers of their own. */
export type RoundsId = 'B1' | 'B16' | 'C100' | 'C1000' | 'C5000' | 'W' | 'P'

/** A workload that is measured in windows, peer after peer. */
export interface Workload<Id extends WorkloadId = WorkloadId> {
  readonly id: Id
  readonly title: string
  /** What is counted. */
  readonly unit: string
  readonly mode: 'handshake' | 'echo' | 'bcast'
  readonly settings: Readonly<Record<string, number>>
  readonly tokens: 'valid' | 'forged'
  readonly origin: boolean
  /** The least seconds of a window; a fixed load sends too little in a short one. */
  readonly leastSeconds?: number
}

/** The sizes of a run; a smoke run has small ones. */
export interface Sizes {
  readonly handshakes: number
  readonly echo: number
  readonly rooms: { readonly C100: number; readonly C1000: number; readonly C5000: number }
  readonly idle: number
  readonly growth: readonly number[]
  /** Handshakes, and seconds of echo, while allocated bytes are counted. */
  readonly counted: { readonly handshakes: number; readonly seconds: number }
  /** The least seconds of a window with a fixed load. */
  readonly fixedSeconds: number
  /** How long connections that have come in are left alone, and how long a server has for its memory after a collection. */
  readonly settleSeconds: number
  /** Messages of one sender that are on their way to a slow handler at once. */
  readonly waiting: readonly number[]
}

/** How large everything is. */
export function sizesOf(quick: boolean): Sizes {
  if (!quick)
    return {
      handshakes: 64,
      echo: 100,
      rooms: { C100: 100, C1000: 1_000, C5000: 5_000 },
      idle: 10_000,
      growth: [1_000, 2_000, 5_000, 10_000],
      counted: { handshakes: 4_000, seconds: 1 },
      fixedSeconds: 2.5,
      settleSeconds: 0.5,
      waiting: [1, 4, 16, 64, 256],
    }
  return {
    handshakes: 8,
    echo: 10,
    rooms: { C100: 50, C1000: 50, C5000: 100 },
    idle: 100,
    growth: [20, 100],
    counted: { handshakes: 50, seconds: 0.1 },
    fixedSeconds: 0.3,
    settleSeconds: 0.02,
    waiting: [1, 256],
  }
}

/** The workloads that are measured in rounds. */
export function roundsWorkloads(sizes: Sizes): readonly Workload<RoundsId>[] {
  return [...echoes(sizes), ...broadcasts(sizes)]
}

/** Connect, hear the welcome, close; over and over. */
export function acceptedHandshakes({ handshakes: n }: Sizes): Workload<HandshakeId> {
  return {
    id: 'A',
    title: `accepted handshakes, ${n} at a time`,
    unit: 'handshakes/s',
    mode: 'handshake',
    settings: { n },
    tokens: 'valid',
    origin: true,
  }
}

/** The workloads that are measured cold and warm. */
export function handshakes(sizes: Sizes): readonly Workload<HandshakeId>[] {
  const accepted = acceptedHandshakes(sizes)
  return [
    accepted,
    {
      ...accepted,
      id: 'F',
      title: `rejected handshakes (forged token), ${sizes.handshakes} at a time`,
      tokens: 'forged',
      origin: false,
    },
    { ...accepted, id: 'Fb', title: 'the same from a browser, which sends Origin', tokens: 'forged' },
  ]
}

/** Each connection alone in its room. */
export function echoes({ echo: n }: Sizes): readonly Workload<'B1' | 'B16'>[] {
  const one = (id: 'B1' | 'B16', window: number): Workload<'B1' | 'B16'> => ({
    id,
    title: `echo, ${n} connections in rooms of their own, ${window} in flight each`,
    unit: 'round trips/s',
    mode: 'echo',
    settings: { n, window },
    tokens: 'valid',
    origin: true,
  })
  return [one('B1', 1), one('B16', 16)]
}

/** One sender that keeps so many messages on their way. */
export function toSlowHandler(waiting: number): Workload<'Q'> {
  return {
    id: 'Q',
    title: `${waiting} messages of one sender on their way to a slow handler`,
    unit: 'messages/s',
    mode: 'echo',
    settings: { n: 1, window: waiting },
    tokens: 'valid',
    origin: true,
  }
}

function broadcasts({ rooms, fixedSeconds }: Sizes): readonly Workload<RoundsId>[] {
  const common = { mode: 'bcast', unit: 'deliveries/s', tokens: 'valid', origin: true } as const
  const inFlight = (id: RoundsId, n: number, window: number): Workload<RoundsId> => ({
    ...common,
    id,
    title: `broadcast to ${n} members, ${window} in flight`,
    settings: { n, window, climit: 120 },
  })
  return [
    inFlight('C100', rooms.C100, 8),
    inFlight('C1000', rooms.C1000, 4),
    inFlight('C5000', rooms.C5000, 2),
    inFlight('W', rooms.C1000, 1),
    {
      ...common,
      id: 'P',
      title: `fixed load, 10 messages/s to ${rooms.C1000} members`,
      settings: { n: rooms.C1000, rate: 10 },
      leastSeconds: fixedSeconds,
    },
  ]
}
