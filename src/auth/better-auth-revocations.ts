import { aClock, type Clock, systemClock } from '../wire/clock.ts'
import type { Messenger } from '../core/api/messenger.ts'
import { SallyportError } from '../wire/errors.ts'
import { checkedOptions, having, type OptionKinds, needed, oneOf } from '../wire/options.ts'
import { type AuthUser, isBanned, keepsSessionRows } from './better-auth-sessions.ts'
import { type Announce, announcing } from './announcing.ts'

/** What {@link revocations} needs. */
export interface RevocationsOptions {
  /** The server whose sockets end; on a shared layer, those of all other nodes too. */
  readonly server: Pick<Messenger, 'revoke' | 'recheck'>
  /**
   * What a new password does to older sessions, which better-auth leaves to the client and to two options:
   * `'end-sessions'`, the default, ends them all; `'leave-sessions'` changes nothing.
   */
  readonly passwords?: 'end-sessions' | 'leave-sessions'
  readonly clock?: Clock
}

const kinds: OptionKinds<RevocationsOptions> = {
  server: needed(having('revoke', 'recheck')),
  passwords: oneOf('end-sessions', 'leave-sessions'),
  clock: aClock,
}

/** The part of the start context of a plugin that is used. */
export interface InitContext {
  readonly options: object
  readonly logger: {
    /** Logs an error. */
    error(message: string, ...more: unknown[]): void
  }
}

/** Called for a row that was changed or deleted; `null` when there was none. */
export interface AfterHook<Row> {
  /** Called when the change is in the database. */
  after(row: Row): Promise<void>
}

/** The tables whose hooks are used. */
export interface DatabaseHooks {
  readonly session: {
    readonly delete: AfterHook<SessionRow>
    readonly update: AfterHook<SessionRow | null>
  }
  readonly user: {
    readonly delete: AfterHook<AuthUser>
    readonly update: AfterHook<AuthUser | null>
  }
}

/** A row of the session table. */
export interface SessionRow {
  readonly id: string
  readonly userId: string
}

/** A hook around an endpoint of better-auth. */
export interface EndpointHook {
  /** Whether the hook runs for this request. */
  matcher(request: { readonly path?: string }): boolean
  /** Runs the hook. A `response` in the result is for better-auth. */
  handler(request: object): Promise<{ readonly response?: unknown }>
}

/** The plugin, as better-auth takes one. */
export interface AuthPlugin {
  readonly id: 'sallyport'
  /** Called by better-auth at its start. */
  init(context: InitContext): {
    options: {
      databaseHooks: DatabaseHooks
      emailAndPassword?: { enabled: boolean; revokeSessionsOnPasswordReset: boolean }
    }
  }
  readonly hooks: { before: EndpointHook[]; after: EndpointHook[] }
}

/**
 * A plugin for better-auth that ends open sockets when better-auth ends their session or user, by any of its
 * endpoints, plugins or server calls.
 *
 * - A session that is deleted is revoked by its id. Causes are sign-out, `revoke-session(s)`,
 *   `revoke-other-sessions`, `admin/revoke-*`, ban, removal, new password and expiry. All sockets of its user
 *   are rechecked too, because better-auth calls hooks for the first hundred rows alone.
 * - A user who is banned or removed is revoked: every credential from before.
 * - A user or a session that has changed (role, name, organisation) is rechecked.
 * - A new password ends the sessions from before it, see `passwords`.
 *
 * A command that cannot be published, because the layer is away, is tried again for about two minutes and
 * written to better-auth's log; this process has closed its own sockets by then. Rows that are changed by SQL
 * are noticed at the next lease.
 *
 * better-auth throws SallyportError ERR_CONFIGURATION at its start when sessions are kept in a
 * `secondaryStorage` alone: it would call no hook at their end.
 *
 * @example betterAuth({ ..., plugins: [admin(), revocations({ server })] })
 */
export function revocations(options: RevocationsOptions): AuthPlugin {
  options = checkedOptions('revocations()', options, kinds)
  const { server, passwords = 'end-sessions', clock = systemClock } = options
  const ends = passwords === 'end-sessions'
  return {
    id: 'sallyport',
    init({ options: site, logger }) {
      if (!keepsSessionRows(site))
        throw new SallyportError(
          'ERR_CONFIGURATION',
          'revocations() needs session: { storeSessionInDatabase: true }: ' +
            'better-auth calls no hook at the end of a session that is in a secondaryStorage alone',
        )
      const announce = announcing({ clock, failed: (error) => logger.error(unpublished, error) })
      const databaseHooks = hooksFor(server, announce, clock)
      // where the user's own options set this, they win: better-auth prefers them
      return {
        options: ends
          ? { databaseHooks, emailAndPassword: { enabled: false, revokeSessionsOnPasswordReset: true } }
          : { databaseHooks },
      }
    },
    hooks: { before: ends ? [endingOtherSessions] : [], after: ends ? [endingAllSessions] : [] },
  }
}

/** The reason that sockets of an ended session are given. */
const sessionEnded = 'session-ended'
const unpublished = 'sallyport: a revocation has not reached the other nodes'

function hooksFor(server: RevocationsOptions['server'], announce: Announce, clock: Clock): DatabaseHooks {
  const recheck = once(clock, (user) => announce(`recheck ${user}`, () => server.recheck({ user })))
  // several sessions end at once, and a recheck after the first one may find the next one gone before its hook runs
  const recheckOthers = once(clock, (user) =>
    announce(`recheck others ${user}`, () => server.recheck({ user, reason: sessionEnded })),
  )
  const revoke = (user: string, reason: string): void =>
    announce(`revoke ${user}`, () => server.revoke({ user, reason }))
  return {
    session: {
      delete: {
        async after({ id, userId }) {
          announce(`end ${id}`, () => server.revoke({ session: id, reason: sessionEnded }))
          recheckOthers(userId)
        },
      },
      update: {
        async after(session) {
          if (session !== null)
            announce(`session ${session.id}`, () => server.recheck({ session: session.id }))
        },
      },
    },
    user: {
      delete: { after: async ({ id }) => revoke(id, 'removed') },
      update: {
        async after(user) {
          if (user === null) return
          if (isBanned(user, clock.now())) revoke(user.id, 'banned')
          else recheck(user.id)
        },
      },
    },
  }
}

/** Runs an action once for all calls of this turn: many sessions of one user end together. */
function once(clock: Clock, act: (user: string) => void): (user: string) => void {
  const asked = new Set<string>()
  return (user) => {
    if (asked.has(user)) return
    asked.add(user)
    clock.after(0, () => {
      asked.delete(user)
      act(user)
    })
  }
}

/** What better-auth passes to hooks around its endpoints. */
interface Request {
  readonly body: Readonly<Record<string, unknown>>
  readonly context: {
    readonly returned?: unknown
    readonly internalAdapter: { deleteUserSessions(userId: string): Promise<unknown> }
  }
}

/**
 * A user changes a password when it may be known to others, so all other sessions end, whatever the request
 * says.
 */
const endingOtherSessions: EndpointHook = {
  matcher: ({ path }) => path === '/change-password',
  async handler(request) {
    const { body } = request as Request
    return { response: { context: { body: { ...body, revokeOtherSessions: true } } } }
  },
}

/** A password that an administrator sets: better-auth ends no session by itself. */
const endingAllSessions: EndpointHook = {
  matcher: ({ path }) => path === '/admin/set-user-password',
  async handler(request) {
    const { body, context } = request as Request
    if (!(context.returned instanceof Error))
      await context.internalAdapter.deleteUserSessions(String(body['userId']))
    return {}
  },
}
