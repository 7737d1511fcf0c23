import type { HttpBindings } from '@hono/node-server'

/** What every request of this server carries through Hono. */
export interface Env {
  Bindings: HttpBindings
  Variables: {
    /** The address of the client, behind the trusted proxies. */
    client: string
    /** The id under which the log line and a refusal speak of this request. */
    ref: string
  }
}
