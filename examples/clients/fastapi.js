// A browser can set no header on a WebSocket, and a token in a URL is written to logs: it goes into the
// subprotocol list, whose first name the server answers. It stays in a variable, because localStorage is
// readable by any injected script.
const scheme = location.protocol === 'https:' ? 'wss' : 'ws'

export async function connect(room, signIn) {
  const answer = await signIn('/token')
  const { access_token } = answer.ok ? await answer.json() : { access_token: 'none' }
  return new WebSocket(`${scheme}://${location.host}/ws/chat/${room}`, ['token', access_token])
}

export const say = (message) => message

export const heard = (data) => (data.startsWith('{') ? JSON.parse(data).message : data)
