/** Contracts: plain data that runs anywhere; nothing of a server is in here. */
export { retryAfterClose, closeCodes, type CloseCode, type Retry } from './wire/close.ts'
export {
  type AnyContract,
  binary,
  type Calls,
  contract,
  type Contract,
  type Direction,
  event,
  type EventRules,
  type EventShape,
  type HistoryRules,
  type Incoming,
  type Named,
  type Outgoing,
  type Raw,
  type Shapes,
  type SlowPolicy,
  text,
} from './wire/contract.ts'
export type { Duration } from './wire/duration.ts'
export { Denial, type DenialOptions, type ErrorCode, SallyportError } from './wire/errors.ts'
export type { PresentMember, Position } from './wire/frame.ts'
export type { Params } from './wire/path.ts'
export type { Schema } from './wire/schema.ts'
