// Sallyport with its default options; only the rate of messages is unbounded, because it is what is measured.
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

const port = sallyport({ limits: { rate: null } })
port.serve(room)
announce((await port.listen(0)).port)
