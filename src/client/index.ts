export { Denial, type ErrorCode, SallyportError } from '../wire/errors.ts'
export type { Member, Refusal } from '../wire/frame.ts'
export {
  type BackoffOptions,
  type Client,
  client,
  type ClientOptions,
  type GrantOf,
  type OpenedOf,
} from './client.ts'
export type { Clock, Timer } from './clock.ts'
export {
  type Asking,
  bearer,
  type Carried,
  type Credentials,
  headers,
  query,
  ticket,
  type TicketOptions,
  type Token,
} from './credentials.ts'
export type { Heard, HeardData, Opened, SendOptions, Snapshot, State } from './opened.ts'
export type { WebSocketClass, WebSocketLike } from './web-socket.ts'
