/** The names of the workloads, in the order in which they run. */
export const workloadIds = [
  'A',
  'F',
  'Fb',
  'B1',
  'B16',
  'C100',
  'C1000',
  'C5000',
  'W',
  'P',
  'D',
  'E',
] as const
export type WorkloadId = (typeof workloadIds)[number]
/** Those that are measured in rounds; D and E have servers of their own. */
export type RoundsId = Exclude<WorkloadId, 'D' | 'E'>

/** A workload that is measured in windows, peer after peer. */
export interface Workload {
  readonly id: RoundsId
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
    }
  return {
    handshakes: 32,
    echo: 20,
    rooms: { C100: 50, C1000: 200, C5000: 500 },
    idle: 500,
    growth: [100, 500],
  }
}

/** The workloads that are measured in rounds. */
export function workloads(sizes: Sizes): readonly Workload[] {
  return [...handshakes(sizes), ...echoes(sizes), ...broadcasts(sizes)]
}

function handshakes({ handshakes: n }: Sizes): readonly Workload[] {
  const common = { mode: 'handshake', unit: 'handshakes/s', settings: { n } } as const
  return [
    { ...common, id: 'A', title: `accepted handshakes, ${n} at a time`, tokens: 'valid', origin: true },
    {
      ...common,
      id: 'F',
      title: `rejected handshakes (forged token), ${n} at a time`,
      tokens: 'forged',
      origin: false,
    },
    {
      ...common,
      id: 'Fb',
      title: `the same from a browser, which sends Origin`,
      tokens: 'forged',
      origin: true,
    },
  ]
}

function echoes({ echo: n }: Sizes): readonly Workload[] {
  const one = (id: 'B1' | 'B16', window: number): Workload => ({
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

function broadcasts({ rooms }: Sizes): readonly Workload[] {
  const common = { mode: 'bcast', unit: 'deliveries/s', tokens: 'valid', origin: true } as const
  const inFlight = (id: RoundsId, n: number, window: number): Workload => ({
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
      leastSeconds: 2.5,
    },
  ]
}
