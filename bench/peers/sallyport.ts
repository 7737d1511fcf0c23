// Sallyport with its default options, but for the limits that are named in sallyport-chat.ts.
import { consumer } from 'sallyport'
import { welcome } from './common.ts'
import { chat, listen, member } from './sallyport-chat.ts'

const room = consumer(chat, { auth: member }, (socket) => ({
  open: () => socket.send(welcome(socket.user)),
  message: ({ message }) => socket.group().send({ message, username: socket.user.username }),
}))

await listen(room)
