// The page of both chats; what differs between them is in django.js and fastapi.js.
import { connect, heard, say } from '/chat.js'

const [who, talk] = [document.forms.who, document.forms.say]
const state = document.querySelector('#state')
let socket = null

const post = (path, body) =>
  fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

function show(line) {
  const item = document.createElement('li')
  item.textContent = line
  document.querySelector('#log').append(item)
}

who.addEventListener('submit', async (event) => {
  event.preventDefault()
  const [username, password, room] = ['username', 'password', 'room'].map((name) => who.elements[name].value)
  if (event.submitter.value === 'up') await post('/accounts', { username, password })
  socket?.close()
  socket = await connect(encodeURIComponent(room), (path) => post(path, { username, password }))
  socket.addEventListener('open', () => {
    state.textContent = `Connected to ${room}`
    talk.hidden = false
  })
  socket.addEventListener('message', ({ data }) => show(heard(data)))
  // a browser sees no HTTP status: what it is told of a refusal is the close code and its reason
  socket.addEventListener('close', ({ code, reason }) => {
    state.textContent = `Closed: ${code} ${reason}`
    talk.hidden = true
  })
})

talk.addEventListener('submit', (event) => {
  event.preventDefault()
  socket.send(say(talk.elements.message.value))
  talk.reset()
})
