/** Authenticated real-time: authentication at every handshake, authorization for every room. */
export * from './contract.ts'
export type {
  Application,
  Authenticator,
  AuthRequest,
  Handshake,
  SecurityScheme,
  UserOf,
} from './core/api/handshake.ts'
export { anyOf, anyone, optional } from './core/access/authenticate.ts'
export { type Clock, systemClock, type Timer } from './wire/clock.ts'
export type { Identity } from './core/api/identity.ts'
export { consumer } from './core/endpoint/consumer.ts'
export type { Carriers, Credentials, ExplicitCredential } from './core/api/credentials.ts'
export type { EndpointOptions, Endpoint, AuthorizeQuestion, SocketOf } from './core/api/endpoint-options.ts'
export type { HandlerTable } from './core/api/handlers.ts'
export type { Leave, LoopSocket, Socket } from './core/api/socket.ts'
export { endpoint } from './core/endpoint/endpoint.ts'
export { limitLookup } from './core/access/limit-lookup.ts'
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
} from './core/api/layer.ts'
export { defaultLimits, type Limits } from './core/api/limits.ts'
export { type Rate } from './core/runtime/token-bucket.ts'
export type { OriginRequest, OriginRule, Origins } from './core/access/origin.ts'
export type { Receipt } from './core/api/receipt.ts'
export type {
  Group,
  HistoryMessage,
  Messenger,
  GroupSendOptions,
  RevokeTarget,
} from './core/api/messenger.ts'
export type { EventSink, LeaveReason, PeerInfo, Reporter, SallyportEvent } from './core/api/events.ts'
export type { Tracer, TracedWork } from './core/api/tracer.ts'
export { requireScopes } from './core/access/require-scopes.ts'
export { router } from './core/endpoint/router.ts'
export { memory, type MemoryOptions } from './layers/memory.ts'
export { type AttachOptions, type ServerOptions, type Server, sallyport } from './server.ts'
export { deny } from './wire/errors.ts'
export type { TraceContext } from './wire/trace.ts'
