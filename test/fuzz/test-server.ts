import { apiKeys } from '../../src/auth/api-keys.ts'
import { sha256Hex } from '../../src/auth/fingerprint.ts'
import { sessions } from '../../src/auth/sessions.ts'
import {
  anyOf,
  type Authenticator,
  consumer,
  contract,
  deny,
  type Limits,
  type Server,
  router,
  type SallyportEvent,
  sallyport,
  text,
} from '../../src/index.ts'
import { room } from '../core/support/members.ts'
import { allowedOrigins, type Keys } from './heads.ts'

/** A server that only the keys of the run are let into. */
export interface FuzzServer {
  readonly server: Server
  /** The events of handshakes since they were last taken. */
  takeEvents(): readonly SallyportEvent[]
  /** What was reported: nothing should be. */
  readonly faults: unknown[]
}

const lines = contract('/ws/lines', { client: text, server: text })

/** Serves an echo and a room; everybody is named after the kind of key that has let them in. */
export function fuzzServer(keys: Keys, limits: Partial<Limits> = {}): FuzzServer {
  const faults: unknown[] = []
  let events: SallyportEvent[] = []
  const server = sallyport({
    origins: allowedOrigins,
    carriers: { query: { bearer: 'token' } },
    // floods have tests of their own: here every request is judged for itself
    limits: { ...limits, rate: null, byteRate: null, validation: null, failedHandshakes: null },
    report: (error) => faults.push(error),
    on: (event) => events.push(event),
  })
  const auth = authenticators(keys)
  const echo = consumer(lines, { auth }, (socket) => ({ message: (line) => socket.send(line) }))
  server.serve(router([echo, room]))
  const takeEvents = (): readonly SallyportEvent[] => {
    const taken = events
    events = []
    return taken
  }
  return { server, takeEvents, faults }
}

function authenticators({ token, key, cookie }: Keys): Authenticator<{ readonly id: string }> {
  const bearer: Authenticator<{ readonly id: string }> = async ({ credentials }) => {
    const value = credentials.of('bearer')
    if (value === null) return null
    return value === token ? { user: { id: 'token' } } : deny(401, 'invalid-token', 'the token is not valid')
  }
  const hash = sha256Hex(key)
  return anyOf(
    apiKeys({ prefix: 'k', find: (one) => (one === hash ? { user: { id: 'key' } } : null) }),
    bearer,
    sessions({
      cookie: 'sid',
      load: (id) => (id === cookie ? { id } : null),
      user: () => ({ id: 'cookie' }),
    }),
  )
}
