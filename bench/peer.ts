/** A server that is measured. */
export interface Peer {
  readonly name: string
  /** Its program, under peers/. */
  readonly file: string
  /** How clients talk to it. */
  readonly wire: 'plain' | 'socket.io'
  /** What a reader of the figures must know. */
  readonly note: string
}

/** The one that all others are compared with. */
export const referencePeer = 'ws'

export const peers: readonly Peer[] = [
  {
    name: 'ws',
    file: 'ws.ts',
    wire: 'plain',
    note: 'node:http, ws and jose, as their documentation shows; no Origin check, no limits but message size',
  },
  {
    name: 'socket.io',
    file: 'socketio.ts',
    wire: 'socket.io',
    note: 'WebSocket transport alone, token in `auth`, jose in a middleware; a refusal is an error packet',
  },
  {
    name: 'sallyport',
    file: 'sallyport.ts',
    wire: 'plain',
    note: 'default options, messages validated with zod; **the limit on the rate of messages is off**',
  },
]

/** The request target by which a room of a peer is reached; `{room}` is left for the generator to fill in. */
export function targetOf(peer: Peer): string {
  return peer.wire === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : '/ws/chat/{room}'
}
