import { generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider, type Configuration, type JWK } from 'oidc-provider'

/** A real provider on a port of its own, which can go away, come back, and take other keys. */
export interface RunningProvider {
  readonly issuer: string
  /** How often each path was asked for. */
  readonly asked: Map<string, number>
  /** What it met when it told a client of a logout. */
  readonly logouts: { readonly ok: boolean; readonly error?: unknown }[]
  /** Signs with a new key from now on; the old one is not published any more. */
  rotateKeys(): void
  /** Tells the site of logouts there from now on, with the `sid` of the session. */
  tell(logoutUri: string): void
  /** Closes its port; what it has stored stays. */
  stop(): Promise<void>
  /** Opens the same port again. */
  start(): Promise<void>
}

/** Who may ask the provider: the site that people sign in to, and the server that introspects. */
export const site = {
  id: 'site',
  secret: randomBytes(24).toString('base64url'),
  redirect: 'https://site.example/cb',
}
export const api = { id: 'api', secret: 'a secret of: the API/%+' }

/** The audiences of its two kinds of access tokens. */
export const audiences = { jwt: 'https://jwt.example', opaque: 'https://opaque.example' }

const scopes = 'chat:read chat:write'

const cookieKey = randomBytes(24).toString('hex')

/** Starts a provider. What it stores is kept in this process, so that a restart, or another key, forgets no user. */
export async function runningProvider(): Promise<RunningProvider> {
  const asked = new Map<string, number>()
  const logouts: { ok: boolean; error?: unknown }[] = []
  const state = {
    logoutUri: null as string | null,
    keys: 1,
    key: signingKey('key-1'),
    server: null as Server | null,
  }
  const port = { number: 0 }
  let answer: (request: IncomingMessage, response: ServerResponse) => unknown = () => {}
  const start = async (): Promise<void> => {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://provider')
      asked.set(pathname, (asked.get(pathname) ?? 0) + 1)
      answer(request, response)
    })
    server.listen(port.number, '127.0.0.1')
    await once(server, 'listening')
    // a server that listens on TCP has an address with a port
    port.number = (server.address() as AddressInfo).port
    state.server = server
  }
  const stop = async (): Promise<void> => {
    const { server } = state
    state.server = null
    if (server === null) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await start()
  const issuer = `http://127.0.0.1:${port.number}`
  const configure = (): void => {
    const one = new Provider(issuer, configuration(state.key, state.logoutUri))
    one.on('backchannel.success', () => logouts.push({ ok: true }))
    one.on('backchannel.error', (_ctx, error) => logouts.push({ ok: false, error }))
    answer = one.callback()
  }
  configure()
  return {
    issuer,
    asked,
    logouts,
    start,
    stop,
    rotateKeys: () => {
      state.key = signingKey(`key-${++state.keys}`)
      configure()
    },
    tell: (logoutUri) => {
      state.logoutUri = logoutUri
      configure()
    },
  }
}

function signingKey(kid: string): JWK {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk: JsonWebKey = privateKey.export({ format: 'jwk' })
  return { ...jwk, kid, use: 'sig', alg: 'ES256' }
}

function configuration(key: JWK, logoutUri: string | null): Configuration {
  return {
    jwks: { keys: [key] },
    clients: [
      {
        client_id: site.id,
        client_secret: site.secret,
        redirect_uris: [site.redirect],
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        id_token_signed_response_alg: 'ES256',
        ...(logoutUri === null
          ? {}
          : { backchannel_logout_uri: logoutUri, backchannel_logout_session_required: true }),
      },
      {
        client_id: api.id,
        client_secret: api.secret,
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: [cookieKey] },
    ttl: {
      AccessToken: 3600,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    scopes: ['openid', 'offline_access', ...scopes.split(' ')],
    // the session rides in signed tokens too, where the site is told of logouts
    extraTokenClaims: (_ctx, token) =>
      'sid' in token && token.sid !== undefined ? { sid: token.sid } : undefined,
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    // its own fetch keeps away from loopback, where these tests live
    fetch: (url, init) => {
      const { dispatcher: _guarded, ...rest } = { dispatcher: undefined, ...init }
      return fetch(url, rest)
    },
    features: {
      backchannelLogout: { enabled: logoutUri !== null },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: scopes,
          audience: resource,
          accessTokenTTL: 3600,
          accessTokenFormat: resource === audiences.jwt ? 'jwt' : 'opaque',
          ...(resource === audiences.jwt ? { jwt: { sign: { alg: 'ES256' } } } : {}),
        }),
        useGrantedResource: () => true,
      },
    },
  }
}
