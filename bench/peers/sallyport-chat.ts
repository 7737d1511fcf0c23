// What the peers that run Sallyport share: the chat, who may enter it, and the server. Only what is measured is
// unbounded: the rates of messages, bytes and bad credentials, the time of validating, and how many connections the
// few users of a benchmark have.
import { type Application, contract, sallyport } from 'sallyport'
import { jwt } from 'sallyport/auth/jwt'
import { z } from 'zod'
import { announce, audience, findUser, issuer, secretOfRun } from './common.ts'

const said = z.object({ message: z.string(), username: z.string() })

export const chat = contract('/ws/chat/:room', { client: z.object({ message: z.string() }), server: said })
export const member = jwt({ secret: secretOfRun(), issuer, audience, user: ({ sub }) => findUser(sub) })

/** Serves a room with the limits of a benchmark, and says where. */
export async function listen(room: Application): Promise<void> {
  const server = sallyport({
    limits: {
      rate: null,
      byteRate: null,
      validation: null,
      failedHandshakes: null,
      connectionsPerIdentity: 1_000_000,
    },
  })
  server.serve(room)
  announce((await server.listen(0)).port)
}
