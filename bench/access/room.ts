import { type Authenticator, contract, type ServerOptions, text } from 'sallyport'

export const room = contract('/ws/room', { client: text, server: text })

/** Believes what it is told: what is measured is the end of access, not its beginning. */
export const auth: Authenticator<{ readonly id: string }> = async ({ headers }) => {
  const [id, expires] = [headers.get('x-user'), headers.get('x-expires')]
  if (id === null) return null
  const ends = expires === null ? {} : { expires: new Date(Number(expires)) }
  return { user: { id }, issuedAt: new Date(0), ...ends }
}

/** A user may have a hundred sockets, and the beginning of access may take its time on a busy machine. */
export const options: ServerOptions = { limits: { connectionsPerIdentity: 100, handshakeMs: 60_000 } }
