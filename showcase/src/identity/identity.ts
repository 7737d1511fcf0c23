import { betterAuth, type BetterAuthOptions } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { admin, bearer, jwt, username } from 'better-auth/plugins'
import type { Logger } from 'pino'
import { revocations, type RevocationsOptions } from 'sallyport/auth/better-auth'
import type { Database } from '../database/database.ts'
import { withCheckedNames } from './names.ts'
import { type Passwords, passwordLimit } from './passwords.ts'

/**
 * The header in which the client's address is handed to better-auth; one that a client sends is taken away.
 */
export const clientHeader = 'x-sallyport-client'
/** Whom access tokens are for. */
export const audience = 'sallyport'
/** How long an access token lives. */
export const accessTokenSeconds = 300

/** What the identity part of the server is made of. */
export interface IdentityParts {
  readonly database: Database
  readonly secret: string
  /** The origin that browsers use; the issuer of tokens. */
  readonly baseUrl: URL
  readonly origins: readonly string[]
  readonly passwords: Passwords
  readonly log: Logger
  /** Where open sockets end with what they rest on. */
  readonly server: RevocationsOptions['server']
}

/** The identity server: users, sessions, roles, bans, signing keys. */
export type Identity = ReturnType<typeof createIdentity>

/**
 * The paths below /api/auth that are served; everything else that better-auth could do is closed. Left out on
 * purpose: the probe for free user names, the lists of sessions with their raw tokens, impersonation, e-mail changes,
 * everything that needs a mailer, and what the console does better: roles, of which an administrator keeps their own.
 */
export const identityPaths: ReadonlySet<string> = new Set([
  'GET /get-session',
  'GET /token',
  'GET /jwks',
  'POST /sign-up/email',
  'POST /sign-in/email',
  'POST /sign-in/username',
  'POST /sign-out',
  'POST /revoke-session',
  'POST /revoke-sessions',
  'POST /revoke-other-sessions',
  'POST /change-password',
  'POST /update-user',
  'POST /admin/create-user',
  'POST /admin/remove-user',
  'POST /admin/ban-user',
  'POST /admin/unban-user',
  'POST /admin/set-user-password',
  'POST /admin/revoke-user-session',
  'POST /admin/revoke-user-sessions',
])

/**
 * Sets better-auth up on our database. Tables are made by {@link migrateIdentity}.
 *
 * @example const identity = createIdentity(parts); await identity.api.getSession({ headers })
 */
// the return type is better-auth's own inference over the plugins: writing it out would repeat its whole API
export function createIdentity(parts: IdentityParts) {
  return betterAuth(identityOptions(parts))
}

/** Makes and updates the identity tables. Run it inside `database.exclusively`. */
export async function migrateIdentity(parts: IdentityParts): Promise<void> {
  await (await getMigrations(identityOptions(parts))).runMigrations()
}

function identityOptions({ database, secret, baseUrl, origins, passwords, log, server }: IdentityParts) {
  return {
    appName: 'Sallyport',
    baseURL: baseUrl.origin,
    basePath: '/api/auth',
    secret,
    database: { db: database.query, type: database.kind, transaction: true },
    trustedOrigins: [...origins],
    telemetry: { enabled: false },
    emailAndPassword: {
      enabled: true,
      minPasswordLength: 8,
      maxPasswordLength: passwordLimit,
      password: { hash: (text) => passwords.hash(text), verify: (attempt) => passwords.verify(attempt) },
    },
    databaseHooks: { user: { create: { before: withCheckedNames }, update: { before: withCheckedNames } } },
    session: { expiresIn: 7 * 86_400, updateAge: 86_400 },
    // these have limiters of our own in front, which know accounts and people as well as networks
    rateLimit: {
      enabled: true,
      window: 10,
      max: 300,
      customRules: { '/sign-in/*': false, '/sign-up/*': false, '/change-password': false },
    },
    advanced: { cookiePrefix: 'sallyport', ipAddress: { ipAddressHeaders: [clientHeader] } },
    logger: {
      level: 'warn',
      log: (level, message) => log[level === 'error' ? 'error' : 'debug']({ source: 'better-auth' }, message),
    },
    plugins: [
      username({ minUsernameLength: 2, maxUsernameLength: 30 }),
      admin({ defaultRole: 'user', adminRoles: ['admin'] }),
      bearer({ requireSignature: true }),
      revocations({ server }),
      jwt({
        disableSettingJwtHeader: true,
        jwks: { keyPairConfig: { alg: 'ES256' }, rotationInterval: 30 * 86_400 },
        jwt: {
          issuer: baseUrl.origin,
          audience,
          expirationTime: `${accessTokenSeconds}s`,
          definePayload: ({ user, session }) => accessClaims(user, session),
        },
      }),
    ],
  } satisfies BetterAuthOptions
}

/** What an access token says beside issuer, audience and times. */
export interface AccessClaims extends Record<string, unknown> {
  readonly sid: string
  readonly role: string
  readonly name: string
}

/**
 * The claims of an access token. It names its session, so that it ends with it; no e-mail address is in it.
 */
export function accessClaims(
  user: { readonly name: string } & Record<string, unknown>,
  session: { readonly id: string },
): AccessClaims {
  return { sid: session.id, role: typeof user['role'] === 'string' ? user['role'] : 'user', name: user.name }
}
