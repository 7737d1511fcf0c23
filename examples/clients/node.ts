// A Node client of both chats: in each carrier that a server-side program can use.
//   node clients/node.ts django header ws://localhost:8000 lobby 'hello'   with the token in $TOKEN
// `header` needs Node's own WebSocket or the package ws; a browser can send the other two.
import { WebSocket as Ws } from 'ws'

type Carrier = 'query' | 'pair' | 'header' | 'ws-header'

interface Where {
  readonly chat: 'django' | 'fastapi'
  readonly base: string
  readonly room: string
}

/** Opens a socket whose token rides in this carrier. */
export function open(carrier: Carrier, { chat, base, room }: Where, token: string): WebSocket | Ws {
  // the Django URL ends with a slash, and a trailing slash counts
  const url = `${base}/ws/chat/${encodeURIComponent(room)}${chat === 'django' ? '/' : ''}`
  const headers = { Authorization: `Bearer ${token}` }
  if (carrier === 'query') return new WebSocket(`${url}?token=${encodeURIComponent(token)}`)
  if (carrier === 'pair') return new WebSocket(url, ['token', token])
  return carrier === 'header' ? new WebSocket(url, { headers }) : new Ws(url, { headers })
}

if (import.meta.main) {
  const [chat = 'django', carrier = 'header', base = 'ws://localhost:8000', room = 'lobby', line = 'hello'] =
    process.argv.slice(2)
  const token = process.env['TOKEN'] ?? ''
  // what stands on a command line is a text; another carrier is taken for `ws-header`, another chat ends in a refusal
  const socket = open(carrier as Carrier, { chat: chat as Where['chat'], base, room }, token) as WebSocket
  socket.addEventListener('open', () =>
    socket.send(chat === 'django' ? JSON.stringify({ message: line }) : line),
  )
  socket.addEventListener('message', ({ data }) => console.log(String(data)))
  socket.addEventListener('close', ({ code, reason }) => console.log(`closed: ${code} ${reason}`))
}
