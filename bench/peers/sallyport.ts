// Sallyport with its default options; only what is measured is unbounded: the rates of messages, bytes and bad
// credentials, the time of validating, and how many connections the few users of a benchmark have.
import { consumer, contract, sallyport } from 'sallyport'
import { jwt } from 'sallyport/auth/jwt'
import { z } from 'zod'
import { announce, audience, findUser, issuer, secretOfRun, welcome } from './common.ts'

const said = z.object({ message: z.string(), username: z.string() })
const chat = contract('/ws/chat/:room', { client: z.object({ message: z.string() }), server: said })
const member = jwt({ secret: secretOfRun(), issuer, audience, user: ({ sub }) => findUser(sub) })

const room = consumer(chat, { auth: member }, (socket) => ({
  open: () => socket.send(welcome(socket.user)),
  message: ({ message }) => socket.group().send({ message, username: socket.user.username }),
}))

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
