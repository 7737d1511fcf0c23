import { createHash, randomBytes } from 'node:crypto'
import { site } from './oidc-provider.ts'

/** The tokens of a sign-in. */
export interface Tokens {
  readonly access_token: string
  readonly id_token: string
  readonly refresh_token?: string
}

/** Someone at a browser: cookies, forms, redirects. */
export interface Person {
  /** Signs in where that is needed, consents, and brings the code to the site, which redeems it. */
  tokens(resource: string, scope?: string): Promise<Tokens>
  /** Ends the session at the provider, by its own page. */
  signOut(): Promise<void>
}

/** A browser's walk through the provider's own pages: no session of it is made up. */
export function person(issuer: string, login: string): Person {
  const cookies = new Map<string, string>()
  const visit = async (url: URL, form?: URLSearchParams): Promise<Response> => {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    })
    for (const line of response.headers.getSetCookie()) keep(cookies, line)
    return response
  }
  /** Follows redirects and fills forms in until the browser is sent to the site. */
  const walk = async (start: URL): Promise<URL> => {
    let response = await visit(start)
    let at = start
    for (let step = 0; step < 20; step++) {
      const location = response.headers.get('location')
      if (location !== null) at = new URL(location, at)
      if (at.href.startsWith(site.redirect)) return at
      response = location === null ? await submit(await response.text(), at) : await visit(at)
    }
    throw new Error(`the walk does not end: ${at.href}`)
  }
  const submit = async (page: string, at: URL): Promise<Response> => {
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? fail(page)
    return visit(
      new URL(/action="([^"]+)"/.exec(page)?.[1] ?? at, at),
      new URLSearchParams({ prompt, login, password: 'any' }),
    )
  }
  return {
    async tokens(resource, scope = 'openid chat:write') {
      const verifier = randomBytes(32).toString('base64url')
      const url = new URL('/auth', issuer)
      url.search = new URLSearchParams({
        client_id: site.id,
        response_type: 'code',
        redirect_uri: site.redirect,
        scope,
        resource,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        ...(scope.includes('offline_access') ? { prompt: 'consent' } : {}),
      }).toString()
      const back = await walk(url)
      const code = back.searchParams.get('code') ?? fail(back.href)
      return redeem(issuer, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: site.redirect,
        code_verifier: verifier,
      })
    },
    async signOut() {
      const page = await (await visit(new URL('/session/end', issuer))).text()
      const xsrf = /name="xsrf" value="(\w+)"/.exec(page)?.[1] ?? fail(page)
      await visit(new URL('/session/end/confirm', issuer), new URLSearchParams({ xsrf, logout: 'yes' }))
    },
  }
}

/** Asks the provider for tokens in the name of the site. */
export async function redeem(issuer: string, form: Readonly<Record<string, string>>): Promise<Tokens> {
  const response = await fetch(new URL('/token', issuer), {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${site.id}:${site.secret}`)}` },
    body: new URLSearchParams(form),
  })
  if (!response.ok) fail(await response.text())
  // what a token endpoint answers (RFC 6749 section 5.1)
  return (await response.json()) as Tokens
}

/** Revokes a token at the provider (RFC 7009). */
export async function revokeAtProvider(issuer: string, token: string): Promise<void> {
  const response = await fetch(new URL('/token/revocation', issuer), {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${site.id}:${site.secret}`)}` },
    body: new URLSearchParams({ token }),
  })
  if (!response.ok) fail(await response.text())
}

function keep(cookies: Map<string, string>, line: string): void {
  const [pair = ''] = line.split(';', 1)
  const equals = pair.indexOf('=')
  const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
  if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) cookies.delete(name)
  else cookies.set(name, value)
}

function fail(what: string): never {
  throw new Error(`the provider answered otherwise than was expected: ${what.slice(0, 2_000)}`)
}
