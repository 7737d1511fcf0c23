import { type Client, client, ticket } from 'sallyport/client'
import { afterEach } from 'vitest'
import type { Browser, Running } from './running.ts'

const clients: Client[] = []
afterEach(() => {
  for (const one of clients.splice(0)) one.close()
})

/**
 * The library's client on a page of the server: tickets with the page's cookie, sockets with its origin. The end of
 * the test closes it.
 */
export function pageClient(running: Running, page: Pick<Browser, 'post'>): Client {
  class PageSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      // Node's constructor takes an object as its second argument:
      // https://nodejs.org/api/globals.html#websocket
      super(url, { protocols, headers: { origin: running.url } })
    }
  }
  const fetchAsPage: typeof fetch = (_, init) => page.post('/api/ticket', JSON.parse(bodyOf(init)))
  const credentials = ticket(`${running.url}/api/ticket`, { fetch: fetchAsPage })
  const made = client({ url: running.url, credentials, WebSocket: PageSocket })
  clients.push(made)
  return made
}

function bodyOf(init: RequestInit | undefined): string {
  if (typeof init?.body === 'string') return init.body
  throw new TypeError('a ticket is asked for with a text')
}

/** Something that was opened, as far as waiting for it goes. */
interface Watched {
  subscribe(listener: () => void): () => void
}

/** Waits until an opened endpoint looks as wanted. */
export async function until<O extends Watched>(opened: O, wanted: (opened: O) => boolean): Promise<void> {
  if (wanted(opened)) return
  await new Promise<void>((resolve) => {
    const stop = opened.subscribe(() => {
      if (!wanted(opened)) return
      stop()
      resolve()
    })
  })
}
