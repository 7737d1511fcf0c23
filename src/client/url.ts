const schemes: Readonly<Record<string, string>> = {
  'http:': 'ws:',
  'https:': 'wss:',
  'ws:': 'ws:',
  'wss:': 'wss:',
}

/**
 * The WebSocket address of an endpoint: the base with `http` replaced by `ws`, followed by the path of the
 * contract. An empty base is the origin of the page.
 *
 * @throws TypeError when the base is malformed; its text is not repeated, because it may hold a secret
 * @example endpointUrl('https://app.example', '/ws/chat/lobby').href // 'wss://app.example/ws/chat/lobby'
 */
export function endpointUrl(base: string, path: string): URL {
  const text = base === '' ? pageOrigin() : base
  const url = URL.canParse(text) ? new URL(text) : null
  const scheme = url && schemes[url.protocol]
  if (!scheme || url.username || url.password || url.search || url.hash) {
    throw new TypeError("a client's url is ws:, wss:, http: or https: without user, query or fragment")
  }
  url.protocol = scheme
  url.pathname = url.pathname.replace(/\/$/, '') + path
  return url
}

function pageOrigin(): string {
  // only a browser and its workers have a location
  const { location } = globalThis as { readonly location?: { readonly origin: string } }
  if (location !== undefined) return location.origin
  throw new TypeError("there is no page whose origin could be used: pass the client's 'url'")
}
