// Sallyport with its default options; only the rate of messages is unbounded, since that is what is measured.
import { consumer, contract, sallyport } from 'sallyport'
import { jwt } from 'sallyport/auth/jwt'
import { z } from 'zod'
import { audience, findUser, issuer, port as number, ready, secret, welcome } from './common.ts'

const chat = contract('/ws/chat/:room', {
  client: z.object({ message: z.string() }),
  server: z.object({ message: z.string(), username: z.string() }),
})
const room = consumer(
  chat,
  { auth: jwt({ secret, issuer, audience, user: ({ sub }) => findUser(sub) }) },
  (socket) => ({
    open: () => socket.send(welcome(socket.user)),
    message: ({ message }) => socket.group().send({ message, username: socket.user.username }),
  }),
)

const port = sallyport({
  carriers: { query: { bearer: 'token' } },
  limits: { rate: null, handshakesAtOnce: 1_024 },
})
port.serve(room)
await port.listen(number)
ready()
