import type { Visitor } from './doors.ts'
import type { MembershipChanged } from './rooms.ts'

/** A socket that can be ended. */
export interface Ending {
  readonly user: Visitor
  readonly params: { readonly room: string }
  close(code: number, reason: string): void
}

/** Which open sockets to end. */
export interface Whose {
  readonly user: string
  readonly room?: string
}

/** The open sockets of this process, so that access ends when it should. */
export interface LiveSockets {
  /** Remembers a socket until the returned function is called. */
  enter(socket: Ending): () => void
  /** Ends sockets; what is named together must all fit. Answers how many. */
  end(whose: Whose, code: number, reason: string): number
}

/** Keeps open sockets by user. */
export function liveSockets(): LiveSockets {
  const byUser = new Map<string, Set<Ending>>()
  return {
    enter(socket) {
      const { id } = socket.user
      const own = byUser.get(id) ?? new Set()
      byUser.set(id, own.add(socket))
      return () => {
        own.delete(socket)
        if (own.size === 0) byUser.delete(id)
      }
    },
    end({ user, room }, code, reason) {
      const own = [...(byUser.get(user) ?? [])]
      const meant = own.filter((socket) => room === undefined || socket.params.room === room)
      for (const socket of meant) socket.close(code, reason)
      return meant.length
    },
  }
}

/** Ends the sockets of someone who may no longer be in a room. */
export function endWithMembership(live: LiveSockets): MembershipChanged {
  return ({ room, user, out }) => {
    if (out) live.end({ user, room }, 4403, 'forbidden: you are no longer in this room')
  }
}
