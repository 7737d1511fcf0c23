import { type Duration, milliseconds } from '../../wire/duration.ts'
import { maxJsonValues } from '../../wire/json.ts'
import { aDuration, checkedOptions, needed, type OptionKind, type OptionKinds } from '../../wire/options.ts'
import type { Rate } from '../runtime/token-bucket.ts'

/** Bounds that are on by default. Each can be changed; a bound that can be `null` can be switched off. */
export interface Limits {
  /** The time from the first byte of a request to the response; 5 s. */
  readonly handshakeMs: number
  /**
   * How long a connection to `listen` may be open before its request begins, as balancers open some ahead; 60
   * s, as in node:http. While there are more than `handshakesWaiting` such connections, it is `handshakeMs`.
   */
  readonly idleConnectionMs: number
  /** Handshakes of one address (of IPv6: of one /64) that run at once; 64. */
  readonly handshakesAtOnce: number
  /** Handshakes of one address that wait; 1,024, then 503. */
  readonly handshakesWaiting: number
  /**
   * Bad credentials of one network; 60 a minute, 120 at once. Beyond it each explicit credential that has to
   * be looked up is 429. The same credential counts once. A genuine one that has expired does not count.
   * `null` switches it off.
   */
  readonly failedHandshakes: Rate | null
  /** Open connections of one identity (subject and tenant) in this process; 50, then the oldest is closed. */
  readonly connectionsPerIdentity: number
  /**
   * Open connections of the guests of one network in this process; 500, then the newest is refused with 429.
   */
  readonly guestConnections: number
  /**
   * Sockets of one identity that have ended, in any way, while their handler still runs; 100, or twice a
   * `connectionsPerIdentity` above 50. Beyond it a new connection is 429 `too-much-waiting` until a handler
   * has settled. A handler that never settles counts for ever: give its waits `socket.signal`.
   */
  readonly orphanedHandlers: number
  /** The same for the guests of one network together; 1,000, and twice a `guestConnections` above 500. */
  readonly guestOrphanedHandlers: number
  /** Bytes of request headers; 16 KiB. */
  readonly headerBytes: number
  /** Bytes of one message from a client; 64 KiB, then 1009. */
  readonly messageBytes: number
  /**
   * Values in the JSON of one message: objects, items of arrays and members of objects, all together; 1,024,
   * then 400 `too-many-values`. They are counted before the message is parsed and validated. The cost of a
   * value depends on the schema. Where a union of 20 objects was expected, 4,090 numbers blocked the process
   * for 210 ms, and 1,024 numbers for 18 to 27 ms. An endpoint can set another bound with `limits.values`.
   */
  readonly messageValues: number
  /** Fragments of one message; 64, then 1008. */
  readonly fragments: number
  /** Protocol pings of a client each second; 10, then 1008. */
  readonly pingsPerSecond: number
  /** Messages of one socket: `most` each `eachMs`, with `burst` at once; 50 a second, burst 100. `null` switches it off. */
  readonly rate: Rate | null
  /**
   * Messages of all sockets of one identity (subject and tenant) together; 200 a second, burst 400. `null`
   * switches it off, and so does a `rate` of `null` unless this limit is set. Sockets of an endpoint whose
   * own rate is wider than this limit, or off, do not count.
   */
  readonly identityRate: Rate | null
  /** Messages of the guests of one network together; 500 a second, burst 1,000. It is switched off like `identityRate`. */
  readonly guestRate: Rate | null
  /**
   * Bytes of the messages of one socket; 256 KiB a second. The burst is 512 KiB (half of `outboundBytes`), or
   * one message of the largest size if that is more. `null` switches it off.
   */
  readonly byteRate: Rate | null
  /**
   * Bytes of all sockets of one identity together; 1 MiB a second, burst 1 MiB: a burst that is sent to a
   * room must fit into the queue of each reader (`outboundBytes`). `null` switches it off, and so does a
   * `byteRate` of `null` unless this limit is set. Sockets of an endpoint whose own byte rate is wider, or
   * off, do not count.
   */
  readonly identityByteRate: Rate | null
  /** Bytes of the guests of one network together; 4 MiB a second, burst 4 MiB. It is switched off like `identityByteRate`. */
  readonly guestByteRate: Rate | null
  /**
   * Milliseconds of reading and validating the messages of one identity, over all its sockets and reconnects;
   * 100 a second, burst 400. The guests of one network share one such limit. A validation that holds the
   * process for more than 5 ms without a break counts for more, up to 20 times its time, except one message in 10 s:
   * see `ValidationTime`. A message over the limit is refused, and closes nothing. `null` switches it
   * off.
   */
  readonly validation: Rate | null
  /**
   * For how long a socket may stay over a rate before it is closed with 4429; 10 s. Limits that guests share
   * close no socket: other guests may have used them up.
   */
  readonly rateGraceMs: number
  /** Invalid messages of one identity, or of one guest, within 10 s before 4400; 10. */
  readonly invalidMessages: number
  /** Messages that wait for their handler before reading pauses; 256. */
  readonly inbox: number
  /** Bytes of a socket that wait for its handler before reading pauses; 512 KiB. */
  readonly inboxBytes: number
  /**
   * Bytes that wait for handlers of one identity (of a guest: of its network), over all its sockets, also the
   * ended ones; 2 MiB. Beyond it a message that would have to wait is refused with 429 `too-much-waiting`. A
   * message counts for its bytes on the wire, or for a quarter of its size in the heap if that is more. A
   * message may always wait when no other waits.
   */
  readonly waitingBytes: number
  /** Bytes that wait for a slow reader before the policy of the message applies; 1 MiB. */
  readonly outboundBytes: number
  /**
   * How long a handler may wait for a slow reader in `socket.drained()`; 60 s, then 4508. A reader that reads
   * nothing of its queue for the same time is closed too, even if it sends. That is checked every `pingMs`.
   */
  readonly outboundMs: number
  /** How often a silent peer is pinged; 25 s. */
  readonly pingMs: number
  /** For how long the peer may then stay silent before it counts as lost; 10 s. */
  readonly pongMs: number
  /** For how long a close may take; 5 s. */
  readonly closeMs: number
  /** Bytes and time of a first message that carries a credential; 4 KiB and 5 s. */
  readonly firstMessageBytes: number
  readonly firstMessageMs: number
  /**
   * For how long a member that has left still counts as present, so that a reload does not look like leaving;
   * 5 s.
   */
  readonly presenceGraceMs: number
  /**
   * The largest group whose members are sent to clients as a list; 200, above it clients get the number of
   * members. An endpoint can set another bound with `limits.members`. A list with more bytes than a quarter
   * of `outboundBytes` is replaced by the number too.
   */
  readonly presenceMembers: number
}

/** The limits of an endpoint. Where one is `undefined`, the limit of the server applies. */
export interface EndpointLimits {
  /** Bytes of a message. */
  readonly message: number | undefined
  /** Values in a message. */
  readonly values: number | undefined
  readonly rate: Rate | null | undefined
  readonly byteRate: Rate | null | undefined
  /** Up to how many members clients get a list. */
  readonly members: number | undefined
}

/** A rate as an option; the burst is by default twice `most`. */
export interface RateOption {
  readonly each: Duration
  readonly most: number
  readonly burst?: number
}

/** The default limits. */
export const defaultLimits: Limits = {
  handshakeMs: 5_000,
  idleConnectionMs: 60_000,
  handshakesAtOnce: 64,
  handshakesWaiting: 1_024,
  failedHandshakes: { most: 60, eachMs: 60_000, burst: 120 },
  connectionsPerIdentity: 50,
  guestConnections: 500,
  orphanedHandlers: 100,
  guestOrphanedHandlers: 1_000,
  headerBytes: 16_384,
  messageBytes: 65_536,
  messageValues: maxJsonValues,
  fragments: 64,
  pingsPerSecond: 10,
  rate: { most: 50, eachMs: 1_000, burst: 100 },
  identityRate: { most: 200, eachMs: 1_000, burst: 400 },
  guestRate: { most: 500, eachMs: 1_000, burst: 1_000 },
  byteRate: { most: 262_144, eachMs: 1_000, burst: 524_288 },
  identityByteRate: { most: 1_048_576, eachMs: 1_000, burst: 1_048_576 },
  guestByteRate: { most: 4_194_304, eachMs: 1_000, burst: 4_194_304 },
  validation: { most: 100, eachMs: 1_000, burst: 400 },
  rateGraceMs: 10_000,
  invalidMessages: 10,
  inbox: 256,
  inboxBytes: 524_288,
  waitingBytes: 2_097_152,
  outboundBytes: 1_048_576,
  outboundMs: 60_000,
  pingMs: 25_000,
  pongMs: 10_000,
  closeMs: 5_000,
  firstMessageBytes: 4_096,
  firstMessageMs: 5_000,
  presenceGraceMs: 5_000,
  presenceMembers: 200,
}

/** The largest value of a timer, and of the length counters of the frame parser. */
const largest = 2 ** 31 - 1

/**
 * The default limits with some changes. A value that is no limit is refused and never taken for "no limit": a
 * bound that was read wrongly from a configuration must not disappear.
 *
 * @throws TypeError when a value is not a whole number from 1 to 2^31 - 1, a rate is malformed, or a limit is
 * unknown
 */
export function limitsWith(changes: Partial<Limits>): Limits {
  changes = withRates(checkedOptions("'limits'", changes, limitKinds))
  // without a rate for each socket there is no rate for each account either
  const unrated = changes.rate === null ? { identityRate: null, guestRate: null } : {}
  const unweighed = changes.byteRate === null ? { identityByteRate: null, guestByteRate: null } : {}
  return { ...defaultLimits, ...unrated, ...unweighed, ...orphansOf(changes), ...changes }
}

/** A cap that was raised lets as many sockets end at once. */
function orphansOf({
  connectionsPerIdentity = 0,
  guestConnections = 0,
}: Partial<Limits>): Pick<Limits, 'orphanedHandlers' | 'guestOrphanedHandlers'> {
  const { orphanedHandlers, guestOrphanedHandlers } = defaultLimits
  return {
    orphanedHandlers: Math.max(orphanedHandlers, 2 * connectionsPerIdentity),
    guestOrphanedHandlers: Math.max(guestOrphanedHandlers, 2 * guestConnections),
  }
}

function withRates(limits: Partial<Limits>): Partial<Limits> {
  return Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [
      name,
      typeof value === 'object' && value !== null
        ? checkedOptions(`'limits.${name}'`, value, bucketKinds)
        : value,
    ]),
  )
}

/** Whether a number can be a limit. */
export function isBound(value: unknown): value is number {
  // only a number passes `Number.isInteger`: `Number` says so to the compiler
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= largest
}

/** What a limit can be. */
export const aBound: OptionKind = { wanted: `a whole number from 1 to ${largest}`, is: isBound }

const aRate: OptionKind = {
  wanted: `null or { most, eachMs, burst }, each ${aBound.wanted}`,
  is: (value) => typeof value === 'object',
}
const bucketKinds: OptionKinds<Rate> = { most: needed(aBound), eachMs: needed(aBound), burst: needed(aBound) }

/** Each limit is of the kind of its default. */
const limitKinds: Readonly<Record<string, OptionKind>> = Object.fromEntries(
  Object.entries(defaultLimits).map(([name, value]) => [name, typeof value === 'number' ? aBound : aRate]),
)

const rateKinds: OptionKinds<RateOption> = { each: needed(aDuration), most: needed(aBound), burst: aBound }

/** Converts a rate option to numbers. @throws TypeError when it allows nothing */
export function rateOf(where: string, option: RateOption): Rate {
  const { each, most, burst = 2 * most } = checkedOptions(where, option, rateKinds)
  const eachMs = milliseconds(each)
  if (eachMs > 0) return { most, burst, eachMs }
  throw new TypeError(`${where} allows at least one, in a time above zero`)
}

/** Whether one rate allows more in the long run than another; `null` allows everything. */
export function isWider(one: Rate | null, other: Rate | null): boolean {
  if (other === null) return false
  return one === null || one.most / one.eachMs > other.most / other.eachMs
}
