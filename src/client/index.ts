export { Denial, type ErrorCode, SallyportError } from '../wire/errors.ts'
export type { PresentMember, Refusal } from '../wire/frame.ts'
export { type BackoffOptions, type Client, client, type ClientOptions } from './client.ts'
export type { Clock, Timer } from '../wire/clock.ts'
export {
  type CredentialRequest,
  bearer,
  type Carried,
  type CredentialSource,
  headers,
  query,
  ticket,
  type ClientTicketOptions,
  type Token,
} from './credentials.ts'
export type { GrantOf, MessageName, MessageData, Channel, SendOptions, Snapshot, State } from './channel.ts'
export type { WebSocketClass, WebSocketLike } from './web-socket.ts'
