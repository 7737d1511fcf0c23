import type { SocketUser } from '../identity/socket-auth.ts'

/** What is remembered of a socket. */
export interface FollowedSocket {
  readonly id: string
  readonly user: Pick<SocketUser, 'id' | 'session'>
}

/** An open socket of a person. */
export interface OpenSocket {
  readonly id: string
  readonly session: string
  /** Where it leads, as the page calls it: a room, the account or the console. */
  readonly place: SocketPlace
  /** Milliseconds since 1970. */
  readonly since: number
}

/** Where a socket leads. */
export type SocketPlace =
  { readonly kind: 'room'; readonly room: string } | { readonly kind: 'account' } | { readonly kind: 'audit' }

/** The open sockets of this process, so that people can see where they are signed in. */
export interface OpenSockets {
  /** The handlers that remember a socket from its opening to its end. */
  follow(socket: FollowedSocket, place: SocketPlace): { open(): void; close(): void }
  of(user: string): readonly OpenSocket[]
}

/**
 * Keeps open sockets by user.
 *
 * @param changed is told whose sockets have come or gone
 * @param now wall time in milliseconds
 */
export function openSockets(
  changed: (user: string) => void = () => {},
  now: () => number = Date.now,
): OpenSockets {
  const byUser = new Map<string, Set<OpenSocket>>()
  return {
    follow({ id, user: { id: user, session } }, place) {
      let forget = (): void => {}
      return {
        open() {
          forget = remember(user, { id, session, place, since: now() })
        },
        close: () => forget(),
      }
    },
    of: (user) => [...(byUser.get(user) ?? [])],
  }

  function remember(user: string, socket: OpenSocket): () => void {
    const own = byUser.get(user) ?? new Set()
    byUser.set(user, own.add(socket))
    changed(user)
    return () => {
      if (!own.delete(socket)) return
      if (own.size === 0) byUser.delete(user)
      changed(user)
    }
  }
}
