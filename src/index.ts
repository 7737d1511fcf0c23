/** Authenticated real-time: who are you at every handshake, may you come in at every room. */
export * from './contract.ts'
export type {
  Application,
  Authenticator,
  Door,
  Handshake,
  SecurityScheme,
  UserOf,
} from './core/application.ts'
export { anyOf, anyone, optional } from './core/authenticate.ts'
export { type Clock, systemClock, type Timer } from './core/clock.ts'
export type { Identity } from './core/identity.ts'
export { consumer } from './core/consumer.ts'
export type { Carriers, Credentials, Explicit } from './core/credentials.ts'
export type {
  Demands,
  Endpoint,
  Leave,
  LoopSocket,
  Question,
  Socket,
  SocketOf,
  Table,
} from './core/demands.ts'
export { endpoint } from './core/endpoint.ts'
export { limitLookup } from './core/limit-lookup.ts'
export type {
  Delivery,
  Health,
  Keep,
  Layer,
  Link,
  LinkHooks,
  LogEntry,
  LogRange,
  LogRules,
  Placed,
  Placing,
  Space,
  Store,
  Unsubscribe,
} from './core/layer.ts'
export { defaultLimits, type Limits, type Rate } from './core/limits.ts'
export type { OriginRequest, OriginRule, Origins } from './core/origin.ts'
export type { Receipt } from './core/receipts.ts'
export type { Group, KeptMessage, Messenger, SendOptions, Whom } from './core/port.ts'
export type { EventSink, LeaveReason, Place, Reporter, SallyportEvent } from './core/report.ts'
export type { Tracer, Work } from './core/tracer.ts'
export { requires } from './core/requires.ts'
export { router } from './core/router.ts'
export { memory, type MemoryOptions } from './layers/memory.ts'
export { type AttachOptions, type Options, type Port, sallyport } from './server.ts'
export { deny } from './wire/errors.ts'
export type { TraceContext } from './wire/trace.ts'
