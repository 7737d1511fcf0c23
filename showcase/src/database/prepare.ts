import type { Config } from '../config.ts'
import { createIdentity, type Identity, type IdentityParts, migrateIdentity } from '../identity/identity.ts'
import { migrate } from './migrations.ts'
import { type DemoUser, seed, seedLobby } from './seed.ts'
import { developmentSecret } from './settings.ts'

/** A database that is ready for use, and what speaks for it. */
export interface Prepared {
  readonly identity: Identity
  /** The demonstration's people, when this start has made them. */
  readonly demoUsers: readonly DemoUser[]
}

/**
 * Brings a database up to date and, in development, fills it; one process at a time, so that several that
 * start together do it once.
 */
export async function prepare(config: Config, parts: Omit<IdentityParts, 'secret'>): Promise<Prepared> {
  const { database } = parts
  return await database.exclusively(async () => {
    await migrate(database)
    await seedLobby(database)
    const whole = { ...parts, secret: config.secret ?? (await developmentSecret(database)) }
    await migrateIdentity(whole)
    const identity = createIdentity(whole)
    // made now, so that two nodes do not each make a first signing key
    await identity.api.getJwks()
    return { identity, demoUsers: config.production ? [] : await seed(database, identity) }
  })
}
