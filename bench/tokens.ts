import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { audience, issuer, userCount } from './peers/common.ts'

/** The secret of a run, and files of tokens for the generator: one for each user, good and forged. */
export interface Tokens {
  readonly secret: string
  readonly valid: string
  readonly forged: string
  /** Removes the files. */
  remove(): void
}

/** What a token says; a good one unless changed. */
export interface Claims {
  readonly subject?: string
  readonly issuer?: string
  readonly audience?: string
  /** As jose takes it, such as `1h` or `-1h`. */
  readonly expires?: string
}

/** Makes the secret of this run and all tokens of it. The files are readable for this user alone. */
export async function mintTokens(): Promise<Tokens> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const secret = randomBytes(32).toString('hex')
  const files = { valid: join(folder, 'valid'), forged: join(folder, 'forged') }
  writeFileSync(files.valid, await manyTokens(secret), { mode: 0o600 })
  writeFileSync(files.forged, await manyTokens(randomBytes(32).toString('hex')), { mode: 0o600 })
  return { secret, ...files, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

async function manyTokens(secret: string): Promise<string> {
  const users = Array.from({ length: userCount }, (_, index) => signed(secret, { subject: `u${index}` }))
  return `${(await Promise.all(users)).join('\n')}\n`
}

/** One token, HS256. */
export async function signed(secret: string, claims: Claims = {}): Promise<string> {
  return await new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.subject ?? 'u0')
    .setIssuer(claims.issuer ?? issuer)
    .setAudience(claims.audience ?? audience)
    .setIssuedAt()
    .setExpirationTime(claims.expires ?? '2h')
    .sign(new TextEncoder().encode(secret))
}
