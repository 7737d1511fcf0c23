// In a browser the session cookie goes along by itself; no script ever sees it (HttpOnly). The server
// demands an Origin with it, which a browser sends and a page cannot change.
const scheme = location.protocol === 'https:' ? 'wss' : 'ws'

export async function connect(room, signIn) {
  await signIn('/session')
  return new WebSocket(`${scheme}://${location.host}/ws/chat/${room}/`)
}

export const say = (message) => JSON.stringify({ message })

export function heard(data) {
  const { message, username } = JSON.parse(data)
  return username === undefined ? message : `${username}: ${message}`
}
