import type { Visitor } from './doors.ts'
import type { IdentityEvents } from './identity.ts'
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
  readonly session?: string
  readonly room?: string
}

/** The open sockets of this process, so that access ends when it should. */
export interface LiveSockets {
  /**
   * Remembers a socket until the returned function is called, and ends it with 4401 when its credential ends.
   */
  enter(socket: Ending): () => void
  /** Ends sockets; what is named together must all fit. Answers how many. */
  end(whose: Whose, code: number, reason: string): number
}

/** Longer timers fire at once: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const longestTimerMs = 2 ** 31 - 1

/** Keeps open sockets by user. */
export function liveSockets(now: () => number = Date.now): LiveSockets {
  const byUser = new Map<string, Set<Ending>>()
  return {
    enter(socket) {
      const { id, until } = socket.user
      const own = byUser.get(id) ?? new Set()
      byUser.set(id, own.add(socket))
      const timer = setTimeout(
        () => socket.close(4401, 'expired: your session or token has ended'),
        Math.min(Math.max(0, until.getTime() - now()), longestTimerMs),
      )
      timer.unref()
      return () => {
        clearTimeout(timer)
        own.delete(socket)
        if (own.size === 0) byUser.delete(id)
      }
    },
    end({ user, session, room }, code, reason) {
      const own = [...(byUser.get(user) ?? [])]
      const meant = own.filter(
        (socket) =>
          (session === undefined || socket.user.session === session) &&
          (room === undefined || socket.params.room === room),
      )
      for (const socket of meant) socket.close(code, reason)
      return meant.length
    },
  }
}

/** Ends the sockets of a session that ends, and of a user who is banned. */
export function endWithIdentity(live: LiveSockets): IdentityEvents {
  return {
    sessionEnded: ({ id, userId }) =>
      void live.end({ user: userId, session: id }, 4401, 'session-ended: your session has ended'),
    userChanged({ id, banned }) {
      if (banned) live.end({ user: id }, 4403, 'banned: your account is closed')
    },
  }
}

/** Ends the sockets of someone who may no longer be in a room. */
export function endWithMembership(live: LiveSockets): MembershipChanged {
  return ({ room, user, out }) => {
    if (out) live.end({ user, room }, 4403, 'forbidden: you are no longer in this room')
  }
}
