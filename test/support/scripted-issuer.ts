import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { exportJWK, SignJWT } from 'jose'

/** What an introspection endpoint was asked: its form, and how the client showed who it is. */
export interface Introspected {
  readonly form: URLSearchParams
  readonly authorization: string | undefined
}

/** An issuer on a port of its own that says what a test tells it to. */
export interface ScriptedIssuer {
  readonly issuer: string
  /** The paths that were asked for, in order. */
  readonly asked: string[]
  /** How often the documents, keys or the introspection endpoint were asked for. */
  count(path: keyof typeof paths): number
  /** Answers a path in another way than an honest issuer; `null` to be honest again. */
  answer(path: keyof typeof paths, listener: RequestListener | null): void
  /** What its document says beside `issuer` and its endpoints. */
  readonly document: Record<string, unknown>
  readonly introspected: Introspected[]
  /** What it says of tokens; of any other it says that it is not active. */
  readonly tokens: Map<string, Record<string, unknown>>
  readonly publicKey: KeyObject
  /** A token that it has signed. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  stop(): Promise<void>
}

const paths = {
  openid: '/.well-known/openid-configuration',
  oauth: '/.well-known/oauth-authorization-server',
  keys: '/jwks',
  introspection: '/introspect',
} as const

/** Starts one. */
export async function scriptedIssuer(): Promise<ScriptedIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'key-1' }] }
  const asked: string[] = []
  const introspected: Introspected[] = []
  const tokens = new Map<string, Record<string, unknown>>()
  const document: Record<string, unknown> = {}
  const special = new Map<string, RequestListener>()
  const describe = (response: ServerResponse): void => {
    const endpoints = {
      issuer,
      jwks_uri: issuer + paths.keys,
      introspection_endpoint: issuer + paths.introspection,
    }
    response.end(JSON.stringify({ ...endpoints, ...document }))
  }
  const introspect = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(await text(request))
    introspected.push({ form, authorization: request.headers.authorization })
    response.end(JSON.stringify(tokens.get(form.get('token') ?? '') ?? { active: false }))
  }
  const honest: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown> = {
    [paths.openid]: (_request, response) => describe(response),
    [paths.oauth]: (_request, response) => describe(response),
    [paths.keys]: (_request, response) => response.end(JSON.stringify(jwks)),
    [paths.introspection]: introspect,
  }
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const listener = special.get(path) ?? honest[path]
    if (listener === undefined) response.writeHead(404).end()
    else listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // a server that listens on TCP has an address with a port
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    issuer,
    asked,
    document,
    introspected,
    tokens,
    publicKey,
    count: (path) => asked.filter((one) => one === paths[path]).length,
    answer: (path, listener) =>
      void (listener === null ? special.delete(paths[path]) : special.set(paths[path], listener)),
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'key-1', ...header }).sign(privateKey),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Settles when an answer of a scripted issuer is wanted, and gives it when it is told to. */
export function heldBack(): {
  readonly listener: RequestListener
  readonly asked: Promise<void>
  give(body: unknown): void
} {
  const asked = Promise.withResolvers<void>()
  const body = Promise.withResolvers<unknown>()
  return {
    listener: (_request, response) => {
      asked.resolve()
      void body.promise.then((value) => response.end(JSON.stringify(value)))
    },
    asked: asked.promise,
    give: body.resolve,
  }
}
