import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { apiKeys } from '../../src/auth/api-keys.ts'
import { basic } from '../../src/auth/basic.ts'
import { django } from '../../src/auth/django.ts'
import { expressSession } from '../../src/auth/express-session.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { introspection, provider } from '../../src/auth/oidc.ts'
import { sessions } from '../../src/auth/sessions.ts'
import { type Tickets, tickets } from '../../src/auth/tickets.ts'
import { anyOf, type Authenticator, type Clock, type Store } from '../../src/index.ts'
import { mark } from '../support/marks.ts'
import { handmade, secret } from '../support/tokens.ts'

/** A user of the marked authenticators. */
export interface Marked {
  readonly id: string
}

const user: Marked = { id: '7' }
const hmacIssuer = 'https://hmac.example'
const ecIssuer = 'https://ec.example'
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const exp = Math.floor(Date.now() / 1000) + 600

/** Credentials of every kind, good and bad, each with a text in it that stands nowhere else. */
export interface MarkedCredentials {
  /** Good ones let their holder in; those of `away` meet a database that is away. */
  readonly bearers: Readonly<Record<'good' | 'bad' | 'away', readonly string[]>>
  /** A good one that lasts longer than the others. */
  readonly later: string
  readonly keys: Readonly<Record<'good' | 'bad' | 'away', string>>
  readonly pairs: Readonly<Record<'good' | 'bad' | 'away', string>>
  readonly cookies: Readonly<Record<'good' | 'bad' | 'away', string>>
  /** The same as express-session signs them. */
  readonly signedCookies: Readonly<Record<'good' | 'bad' | 'away', string>>
  /** What must be met nowhere, by a name for reports. */
  readonly secrets: Readonly<Record<string, string>>
}

const clientSecret = mark()

/** A provider of opaque tokens, whose answers and faults hold none: it is asked for each, and away for some. */
const introspecting: typeof fetch = async (_url, init) => {
  const token = new URLSearchParams(String(init?.body)).get('token') ?? ''
  if (token.startsWith('opaque-away')) return new Response('away', { status: 503 })
  const statement = { sub: '7', token_type: 'bearer', exp }
  return Response.json(token.startsWith('opaque-good') ? { active: true, ...statement } : { active: false })
}

/** Makes the credentials anew, so that no two tests share a mark. */
export function markedCredentials(): MarkedCredentials {
  const marks = Object.fromEntries(
    ['good', 'bad', 'away'].flatMap((state) =>
      ['token', 'key', 'password', 'cookie'].map((kind) => [`${state} ${kind}`, mark()]),
    ),
  )
  const of = (name: string): string => marks[name] ?? ''
  const each = <T>(make: (state: 'good' | 'bad' | 'away') => T): Record<'good' | 'bad' | 'away', T> => ({
    good: make('good'),
    bad: make('bad'),
    away: make('away'),
  })
  const later = handmade(
    { alg: 'HS256', kid: of('good token') },
    { sub: '7', exp: exp + 600, iss: hmacIssuer, marked: of('good token') },
  )
  const cookies = each((state) => `${state}.${of(`${state} cookie`)}`)
  const bearers = each((state) => [
    ...tokensOf(state, of(`${state} token`)),
    `opaque-${state}-${of(`${state} token`)}`,
  ])
  return {
    later,
    bearers: { ...bearers, bad: [...bearers.bad, of('bad token'), `sk_${of('bad key')}`] },
    keys: each((state) => `sk_${state}_${of(`${state} key`)}`),
    pairs: each((state) => Buffer.from(`${state}:${of(`${state} password`)}`).toString('base64')),
    cookies,
    signedCookies: each((state) => signedCookie(cookies[state], state === 'bad' ? 'another secret' : secret)),
    secrets: {
      ...marks,
      'client secret': clientSecret,
      ...signatures([later, ...Object.values(bearers).flat()]),
    },
  }
}

function signedCookie(id: string, key: string): string {
  return `s:${id}.${createHmac('sha256', key).update(id).digest('base64').replace(/=+$/, '')}`
}

/** The signature of a token is what makes it worth something. */
function signatures(tokens: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    tokens.flatMap((token, index) => {
      const signature = token.split('.')[2] ?? ''
      return signature === '' ? [] : [[`signature ${index}`, signature]]
    }),
  )
}

function tokensOf(state: 'good' | 'bad' | 'away', marked: string): readonly string[] {
  const sub = state === 'away' ? 'away' : '7'
  const claims = { sub, exp, marked }
  const header = { alg: 'HS256', kid: marked }
  if (state !== 'bad')
    return [handmade(header, { ...claims, iss: hmacIssuer }), elliptic({ ...claims, iss: ecIssuer })]
  return [
    handmade(header, { ...claims, iss: hmacIssuer }, 'another secret'),
    handmade(header, { ...claims, iss: hmacIssuer, exp: 1 }),
    handmade(header, { ...claims, iss: hmacIssuer, sub: 'unknown' }),
    handmade(header, { ...claims, iss: hmacIssuer, sub: undefined }),
    handmade(header, { ...claims, iss: 'https://unknown.example' }),
    handmade({ ...header, jwk: { k: marked } }, { ...claims, iss: hmacIssuer }),
    handmade(`{"alg":"HS256","${marked}":`, { ...claims, iss: hmacIssuer }),
    `${elliptic({ ...claims, iss: ecIssuer }).slice(0, -4)}AAAA`,
    elliptic({ ...claims, iss: ecIssuer, nbf: exp }),
  ]
}

function elliptic(claims: object): string {
  const signed = [{ alg: 'ES256' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = sign('sha256', Buffer.from(signed), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}

/** Every authenticator there is, in one list. A database that is away throws an error without any credential in it. */
export function markedAuthenticators(
  store: Store,
  clock: Clock,
): {
  readonly auth: Authenticator<Marked>
  readonly ticket: Tickets<Marked>
} {
  const away = (): never => {
    throw new Error('the database is away', { cause: new Error('connection refused') })
  }
  const known = ({ sub }: { readonly sub: string }): Marked | null =>
    sub === 'away' ? away() : sub === '7' ? user : null
  const ticket = tickets({ store, user: ({ subject }) => known({ sub: subject }) })
  const goodKeys = new Set<string>()
  const auth = anyOf(
    jwt({ issuer: hmacIssuer, secret, clock, user: known }),
    jwt({
      issuer: ecIssuer,
      clock,
      key: pair.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      user: known,
    }),
    ticket,
    apiKeys({ prefix: 'sk_good', find: (hash) => (goodKeys.add(hash), { user }) }),
    apiKeys<Marked>({ prefix: 'sk_away', find: away }),
    apiKeys<Marked>({ prefix: 'sk_bad', find: () => null }),
    basic({ realm: 'devices', check: (name) => (name === 'away' ? away() : name === 'good' ? user : null) }),
    sessions({
      cookie: 'sid',
      load: (id) => (id.startsWith('away') ? away() : id.startsWith('good') ? { id } : null),
      user: () => user,
    }),
    expressSession({
      secret,
      store: {
        get: (id: string, done: (error: unknown, session?: { cookie: object } | null) => void) =>
          id.startsWith('away') ? done(new Error('the store is away')) : done(null, { cookie: {} }),
      },
      user: () => user,
    }),
    introspection({
      provider: provider({
        issuer: 'https://id.example',
        clock,
        fetch: introspecting,
        subject: ({ sub }) => sub,
      }),
      client: { id: 'chat', secret: clientSecret },
      endpoint: new URL('https://id.example/introspect'),
      user: known,
    }),
    sessions({ cookie: 'signed', secret, load: (id) => ({ id }), user: () => user }),
    django<Marked>({ secretKey: secret, backend: 'signed_cookies', user: () => null }),
  )
  return { auth, ticket }
}
