// Sallyport with a handler that is slower than its sender: each message takes a turn of the event loop, and those
// behind it wait.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { consumer } from 'sallyport'
import { welcome } from './common.ts'
import { chat, listen, member } from './sallyport-chat.ts'

const room = consumer(chat, { auth: member }, (socket) => ({
  open: () => socket.send(welcome(socket.user)),
  message: async ({ message }) => {
    await nextTurn()
    socket.send({ message, username: socket.user.username })
  },
}))

await listen(room)
