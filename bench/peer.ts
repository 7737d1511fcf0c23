import { hasBun, installBun } from './bun.ts'

/** A server that is measured. */
export interface Peer {
  readonly name: string
  /** Its program, under peers/. */
  readonly file: string
  /** What runs it; what is read inside V8, or set for it, is for peers on Node alone. */
  readonly runtime: 'node' | 'bun'
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
    runtime: 'node',
    wire: 'plain',
    note: 'node:http, ws and jose, as their documentation shows; no Origin check, no limits but message size',
  },
  {
    name: 'socket.io',
    file: 'socketio.ts',
    runtime: 'node',
    wire: 'socket.io',
    note: 'WebSocket transport alone, token in `auth`, jose in a middleware; a refusal is an error packet',
  },
  {
    name: 'sallyport',
    file: 'sallyport.ts',
    runtime: 'node',
    wire: 'plain',
    note: 'default options, messages validated with zod; **the limit on the rate of messages is off**',
  },
  {
    name: 'bun',
    file: 'bun.ts',
    runtime: 'bun',
    wire: 'plain',
    note: "Bun's own server and jose, rooms as its topics; a program of its own and no library for Node",
  },
]

/** Sallyport with a handler that is asynchronous and slow: what waits before it is measured on this one alone. */
export const slowPeer: Peer = {
  name: 'sallyport',
  file: 'sallyport-slow.ts',
  runtime: 'node',
  wire: 'plain',
  note: 'each message takes a turn of the event loop',
}

/** The peers that can run here: Bun is there only where it was installed. */
export function peersHere(): readonly Peer[] {
  return peers.filter(({ runtime }) => runtime !== 'bun' || hasBun())
}

/** Who is not beside the others here, and why. */
export function absentPeers(): readonly string[] {
  return [
    'uWebSockets.js: absent, because its binary for this Node needs a newer C library than Debian 12 has',
    ...(hasBun() ? [] : [`bun: absent, because it is not installed: \`${installBun}\``]),
  ]
}

/** The request target by which a room of a peer is reached; `{room}` is left for the generator to fill in. */
export function targetOf(peer: Peer): string {
  return peer.wire === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : '/ws/chat/{room}'
}
